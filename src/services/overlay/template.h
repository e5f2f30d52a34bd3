// The outer headers of a tunnel, laid out once so that the fast path copies them and fills in lengths and
// source port.
#pragma once

#include "engine/actions.h"

namespace outrigger::overlay {

struct TemplateSpec {
  IpAddress source;
  IpAddress destination;
  MacAddress source_mac;
  Vni vni;
  bool geneve = false;
  uint16_t underlay_mtu = 1500;  // largest outer IP packet, bytes
};

// RFC 7348 §5 (VXLAN), RFC 8926 §3 (Geneve, no options).  The IPv4 header carries DF: tunnels are never
// fragmented.
engine::Tunnel make_tunnel(const TemplateSpec& spec);

void set_next_hop(engine::Tunnel& tunnel, const MacAddress& mac);

}  // namespace outrigger::overlay
