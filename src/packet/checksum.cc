#include "packet/checksum.h"

#include "base/bytes.h"

namespace outrigger::packet {
namespace {

uint32_t narrow(uint64_t value) {
  value = (value & 0xffffffff) + (value >> 32);
  return static_cast<uint32_t>(value + (value >> 32));
}

}  // namespace

uint32_t sum(std::span<const uint8_t> bytes, uint32_t start) {
  uint64_t total = start;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 4; at += 4, left -= 4) total += load_raw<uint32_t>(at);
  if (left >= 2) {
    total += load_raw<uint16_t>(at);
    at += 2;
    left -= 2;
  }
  if (left == 1) {
    const uint8_t last[2] = {*at, 0};
    total += load_raw<uint16_t>(last);
  }
  return narrow(total);
}

uint16_t transport_checksum(IpAddress source, IpAddress destination, uint8_t protocol,
                            std::span<const uint8_t> segment) {
  // The pseudo-header (RFC 8200 §8.1).  IPv4's (RFC 9293 §3.1) has the same sum but for the mapped prefix.
  uint8_t pseudo[40] = {};
  if (source.is_v4()) {
    source.store_v4(pseudo + 12);
    destination.store_v4(pseudo + 28);
  } else {
    source.store_v6(pseudo);
    destination.store_v6(pseudo + 16);
  }
  store_be32(pseudo + 32, static_cast<uint32_t>(segment.size()));
  pseudo[39] = protocol;
  return static_cast<uint16_t>(~fold(sum(segment, sum(pseudo))));
}

void decrement_ttl(uint8_t* header, bool ipv6) {
  if (ipv6) {
    --header[7];
    return;
  }
  const auto before = load_raw<uint16_t>(header + 8);
  --header[8];
  store_raw(header + 10, updated(load_raw<uint16_t>(header + 10), before, load_raw<uint16_t>(header + 8)));
}

}  // namespace outrigger::packet
