// Fields of the frames this room answers, by offset from a pointer the caller has checked.  Network order
// outside, host order inside.
#pragma once

#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/bytes.h"
#include "engine/first_packet.h"

namespace outrigger::vswitch {

inline MacAddress ethernet_destination(std::span<const uint8_t> frame) {
  return MacAddress::load(frame.data());
}
inline MacAddress ethernet_source(std::span<const uint8_t> frame) {
  return MacAddress::load(frame.data() + 6);
}

// Source and destination as the outermost IP header has them; PacketInfo's are the inner flow's for an ICMP
// error.
inline IpAddress ip_source(const engine::FirstPacket& packet) {
  const uint8_t* ip = packet.frame.data() + packet.info.l3_offset;
  return packet.info.ipv6 ? IpAddress::load_v6(ip + 8) : IpAddress::load_v4(ip + 12);
}
inline IpAddress ip_destination(const engine::FirstPacket& packet) {
  const uint8_t* ip = packet.frame.data() + packet.info.l3_offset;
  return packet.info.ipv6 ? IpAddress::load_v6(ip + 24) : IpAddress::load_v4(ip + 16);
}

// The packet's bytes from `offset` to its end, padding excluded; empty when the frame does not hold them.
inline std::span<const uint8_t> bytes_from(const engine::FirstPacket& packet, size_t offset) {
  if (packet.info.length > packet.frame.size() || offset >= packet.info.length) return {};
  return packet.frame.subspan(offset, packet.info.length - offset);
}

// RFC 4291 appendix A: fe80:: and the modified EUI-64 of the MAC.
constexpr IpAddress link_local(const MacAddress& mac) {
  const auto& b = mac.bytes;
  const uint64_t high =
      uint64_t{static_cast<uint8_t>(b[0] ^ 2)} << 56 | uint64_t{b[1]} << 48 | uint64_t{b[2]} << 40;
  const uint64_t low = uint64_t{b[3]} << 16 | uint64_t{b[4]} << 8 | b[5];
  return {0xfe80ULL << 48, high | 0xff'fe00'0000ULL | low};
}

constexpr bool is_v6_link_local(const IpAddress& address) {
  return !address.is_v4() && address.is_link_local();
}

inline constexpr IpAddress kAllNodes{0xff02ULL << 48, 1};            // ff02::1
inline constexpr MacAddress kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};  // RFC 2464 §7

}  // namespace outrigger::vswitch
