// The complete parser's way through one frame: what every header's function is given and adds to.  Internal
// to packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/packet_info.h"

namespace outrigger::packet {

struct Walk {
  std::span<const uint8_t> frame;  // cut to the IP length once that is known
  Vni vni;
  PacketInfo& info;
  size_t at = 0;  // the next header, from the frame's first byte
  IpAddress source = {};
  IpAddress destination = {};
  uint8_t protocol = 0;

  [[nodiscard]] size_t left() const { return frame.size() - at; }
  [[nodiscard]] const uint8_t* here() const { return frame.data() + at; }
  // Writes key and hash; the packet goes from `from` to `to`.
  void name(Kind kind, IpAddress from, IpAddress to, uint8_t number, uint16_t from_port, uint16_t to_port);
  void name(Kind kind, uint16_t from_port = 0, uint16_t to_port = 0) {
    name(kind, source, destination, protocol, from_port, to_port);
  }
  // A header that does not fit: in a first fragment that is an attack on later ones.
  [[nodiscard]] Drop short_of(Drop why) const { return info.first_fragment ? Drop::kFragmentTiny : why; }
};

// Each reads the header at walk.at and what follows it; kNone when the packet is usable.
Drop walk_arp(Walk& walk);
Drop walk_ipv4(Walk& walk);
Drop walk_ipv6(Walk& walk);
Drop walk_transport(Walk& walk);         // whatever walk.protocol says
Drop walk_icmp(Walk& walk);              // ICMP in IPv4, ICMPv6 in IPv6
Drop check_neighbour(const Walk& walk);  // RFC 4861 §6.1, §7.1, §8.1

// Fragment fields common to both families, once info's are set: the bounds, then kFragment for a later piece.
// *done: there is no transport header here.
Drop walk_fragment(Walk& walk, bool* done);

}  // namespace outrigger::packet
