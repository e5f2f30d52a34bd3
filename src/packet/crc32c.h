// CRC32c (Castagnoli), which SCTP uses for its checksum.
#pragma once

#include <cstdint>
#include <span>

namespace outrigger::packet {

// Bit by bit: the builder makes a few SCTP packets, and nothing on the data path needs it.
inline uint32_t crc32c(std::span<const uint8_t> bytes) {
  constexpr uint32_t kReflectedPolynomial = 0x82f63b78;
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReflectedPolynomial : 0);
  }
  return ~crc;
}

}  // namespace outrigger::packet
