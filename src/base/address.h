// MAC and IP addresses as plain values.  One form for both families: 128 bits, IPv4 as ::ffff:a.b.c.d
// (RFC 4291 §2.5.5.2), so that keys, tables and prefixes need no second case.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  // "02:00:00:00:01:01"; nullopt when the text is anything else.
  static std::optional<MacAddress> parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_zero() const { return *this == MacAddress{}; }
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  static MacAddress load(const void* from) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), from, 6);
    return mac;
  }
  void store(void* to) const { std::memcpy(to, bytes.data(), 6); }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MacAddress& mac) {
    return H::combine(std::move(h), mac.bytes);
  }
};

// Host-order halves: hi holds the first eight bytes on the wire.
struct IpAddress {
  uint64_t hi = 0;
  uint64_t lo = 0;

  static constexpr uint64_t kMapped = 0x0000'ffff'0000'0000;
  static constexpr IpAddress v4(uint32_t host_order) { return {0, kMapped | host_order}; }
  // "10.0.0.1" or "fd00::1"; nullopt when the text is neither.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress load_v4(const void* wire) {
    uint32_t word;
    std::memcpy(&word, wire, 4);
    return v4(__builtin_bswap32(word));
  }
  static IpAddress load_v6(const void* wire) {
    uint64_t words[2];
    std::memcpy(words, wire, 16);
    return {__builtin_bswap64(words[0]), __builtin_bswap64(words[1])};
  }
  void store_v6(void* wire) const {
    const uint64_t words[2] = {__builtin_bswap64(hi), __builtin_bswap64(lo)};
    std::memcpy(wire, words, 16);
  }
  void store_v4(void* wire) const {
    const uint32_t word = __builtin_bswap32(static_cast<uint32_t>(lo));
    std::memcpy(wire, &word, 4);
  }
  // 16 bytes in wire order, the form of update.proto; from_bytes is nullopt unless the size is 16.
  [[nodiscard]] std::string bytes() const;
  static std::optional<IpAddress> from_bytes(std::string_view bytes);

  [[nodiscard]] std::string str() const;
  [[nodiscard]] constexpr bool is_v4() const { return hi == 0 && (lo >> 32) == 0xffff; }
  [[nodiscard]] constexpr bool is_zero() const { return hi == 0 && (lo == 0 || lo == kMapped); }
  [[nodiscard]] constexpr uint32_t v4_value() const { return static_cast<uint32_t>(lo); }
  [[nodiscard]] constexpr bool is_multicast() const {
    return is_v4() ? (lo & 0xf0000000) == 0xe0000000 : (hi >> 56) == 0xff;
  }
  [[nodiscard]] constexpr bool is_broadcast() const { return is_v4() && v4_value() == 0xffffffff; }
  [[nodiscard]] constexpr bool is_link_local() const {
    return is_v4() ? (lo & 0xffff0000) == 0xa9fe0000 : (hi >> 54) == (0xfe80 >> 6);
  }
  [[nodiscard]] constexpr bool is_loopback() const {
    return is_v4() ? (lo & 0xff000000) == 0x7f000000 : hi == 0 && lo == 1;
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& address) {
    return H::combine(std::move(h), address.hi, address.lo);
  }
};

// A prefix; `length` counts from 128, so an IPv4 /24 is 120.  The address has no bits beyond the length.
struct IpPrefix {
  IpAddress address;
  uint8_t length = 128;

  // "10.0.0.0/24", "fd00::/64", or a bare address.  Bits beyond the length are cleared; nullopt on other
  // text.
  static std::optional<IpPrefix> parse(std::string_view text);
  static constexpr IpPrefix host(IpAddress address) { return {address, 128}; }
  static constexpr IpAddress mask(IpAddress address, uint8_t length) {
    if (length == 0) return {};
    if (length <= 64) return {address.hi & (~0ULL << (64 - length)), 0};
    return {address.hi, length == 128 ? address.lo : address.lo & (~0ULL << (128 - length))};
  }
  [[nodiscard]] constexpr bool contains(IpAddress other) const { return mask(other, length) == address; }
  [[nodiscard]] constexpr bool contains(const IpPrefix& other) const {
    return other.length >= length && contains(other.address);
  }
  [[nodiscard]] constexpr bool is_v4() const { return length >= 96 && address.is_v4(); }
  // Length as the family writes it: 24 for an IPv4 /24.
  [[nodiscard]] constexpr unsigned family_length() const { return is_v4() ? length - 96u : length; }
  [[nodiscard]] std::string str() const;
  friend constexpr auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpPrefix& prefix) {
    return H::combine(std::move(h), prefix.address, prefix.length);
  }
};

}  // namespace outrigger
