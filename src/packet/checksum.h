// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).  Sums are ones' complement, not yet
// inverted, in the byte order of the wire as loaded.
#pragma once

#include <cstdint>
#include <span>

#include "base/address.h"

namespace outrigger::packet {

uint32_t sum(std::span<const uint8_t> bytes, uint32_t start = 0);
constexpr uint16_t fold(uint32_t value) {
  value = (value & 0xffff) + (value >> 16);
  return static_cast<uint16_t>(value + (value >> 16));
}
// The transport checksum over pseudo-header and segment, ready to be stored (0 becomes 0xffff for UDP by the
// caller).
uint16_t transport_checksum(IpAddress source, IpAddress destination, uint8_t protocol,
                            std::span<const uint8_t> segment);
// RFC 1624 eqn. 3: the new header checksum after one 16-bit word changed.
constexpr uint16_t updated(uint16_t checksum, uint16_t from, uint16_t to) {
  return static_cast<uint16_t>(
      ~fold(static_cast<uint16_t>(~checksum) + static_cast<uint16_t>(~from) + uint32_t{to}));
}
// Spends one TTL of the IPv4 header at `header` and mends its checksum; or one hop of IPv6.
void decrement_ttl(uint8_t* header, bool ipv6);

}  // namespace outrigger::packet
