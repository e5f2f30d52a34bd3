// Numbers on the wire are big-endian and unaligned; these read and write them as host numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace outrigger {

static_assert(std::endian::native == std::endian::little, "wire loads swap bytes unconditionally");

// The bytes as they lie, in the machine's order.
template <typename T>
inline T load_raw(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
template <typename T>
inline void store_raw(void* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

inline uint16_t load_be16(const void* from) { return __builtin_bswap16(load_raw<uint16_t>(from)); }
inline uint32_t load_be32(const void* from) { return __builtin_bswap32(load_raw<uint32_t>(from)); }
inline uint64_t load_be64(const void* from) { return __builtin_bswap64(load_raw<uint64_t>(from)); }
inline void store_be16(void* to, uint16_t value) { store_raw(to, __builtin_bswap16(value)); }
inline void store_be32(void* to, uint32_t value) { store_raw(to, __builtin_bswap32(value)); }
inline void store_be64(void* to, uint64_t value) { store_raw(to, __builtin_bswap64(value)); }

}  // namespace outrigger
