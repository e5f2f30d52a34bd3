// The outer headers a peer sends again and again, recognised by comparing them with the last ones that were
// parsed whole: VXLAN over IPv4, same two nodes, same network.  What differs from packet to packet (lengths,
// checksum, source port) is checked as parse_tunnel does; anything else is for parse_tunnel.
#pragma once

#include <cstdint>
#include <span>

#include "packet/parse_inline.h"
#include "packet/wire.h"

namespace outrigger::packet {

struct KnownOuter {
  static constexpr size_t kHeaders = kEthernetHeader + kIpv4Header + kUdpHeader + kTunnelHeader;

  uint64_t addresses = 0;  // both, as on the wire; 0: nothing is known
  uint32_t vni_word = 0;   // the VXLAN header's second word, its reserved byte cleared

  // Remembers the outer headers of a frame that parse_tunnel has accepted; forgets when they are of another
  // kind.
  void learn(std::span<const uint8_t> frame, const TunnelInfo& outer) {
    *this = {};
    if (outer.type != TunnelType::kVxlan || outer.inner_offset != kHeaders || !outer.source.is_v4()) return;
    addresses = load_raw<uint64_t>(&frame[kEthernetHeader + 12]);
    vni_word = load_be32(&frame[kHeaders - 4]) & ~0xffu;
  }

  // Bytes of the inner frame, which begins at kHeaders; 0: not the known headers, or something is wrong with
  // them.
  [[nodiscard]] uint32_t match(std::span<const uint8_t> frame) const {
    if (frame.size() < kHeaders + kEthernetHeader) return 0;
    const uint8_t* const ip = frame.data() + kEthernetHeader;
    const uint8_t* const udp = ip + kIpv4Header;
    const uint32_t length = load_be16(ip + 2);
    const bool same = addresses != 0 && load_raw<uint64_t>(ip + 12) == addresses &&
                      (load_be32(udp + kUdpHeader + 4) & ~0xffu) == vni_word &&
                      load_be16(udp + 2) == kVxlanPort;
    const bool plain = load_be16(ip - 2) == kEtherIpv4 && ip[0] == 0x45 && ip[9] == kUdp &&
                       (load_be16(ip + 6) & (kIpv4MoreFragments | kIpv4OffsetMask)) == 0 &&
                       (udp[kUdpHeader] & 0x08) != 0 && load_raw<uint16_t>(udp + 6) == 0;
    const bool sized = length >= kHeaders && length + kEthernetHeader <= frame.size() &&
                       load_be16(udp + 4) + kIpv4Header == length;
    if (!(same && plain && sized) || !detail::ipv4_checksum_right(ip)) return 0;
    return length - (kHeaders - kEthernetHeader);
  }
};

}  // namespace outrigger::packet
