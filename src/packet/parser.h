// Bytes in, one PacketInfo out.  Every packet is hostile: each length is checked against the frame before it
// is read, loops are bounded, and what is wrong has a Drop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/packet_info.h"

namespace outrigger::packet {

// Parses an Ethernet frame that belongs to `vni`.  The result is kMalformed with its drop, or usable.
// Never reads past the span; never throws.  `frame` is contiguous (the engine pulls headers up first).
// parse_inline.h has the same with the common case inlined.
void parse(std::span<const uint8_t> frame, Vni vni, PacketInfo& info);

enum class TunnelType : uint8_t { kVxlan, kGeneve };

// Outer headers of a frame from the fabric.
struct TunnelInfo {
  IpAddress source;
  IpAddress destination;
  Vni vni;
  uint16_t inner_offset = 0;  // of the inner Ethernet header; 0: not a tunnel packet
  uint16_t inner_length =
      0;  // bytes the tunnel packet says the inner frame has; anything after them is padding
  TunnelType type = TunnelType::kVxlan;
  Drop drop = Drop::kNone;  // set when it is a tunnel packet and unacceptable
};

// VXLAN (RFC 7348 §5, UDP 4789) and Geneve (RFC 8926 §3, UDP 6081, Ethernet payload, no critical options),
// over IPv4 or IPv6.  inner_offset 0 and drop kNone: something else (ARP, ND, ICMP, ...), for the slow path.
TunnelInfo parse_tunnel(std::span<const uint8_t> frame);

}  // namespace outrigger::packet
