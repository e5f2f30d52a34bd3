// The nftables rules of the kernel path, as text for `nft -f`: each a transaction that replaces what was
// there.
//
// Theory of operation.  Every network lives in a network namespace of its own (tenants may share addresses),
// as a bridge with the endpoints' veths and a vxlan device.  Frames are checked where they enter it (table
// netdev: the sender's MAC and addresses, nothing but ARP, ND and unicast IP); bridged and routed packets
// alike then pass the forward hook of table inet (br_netfilter), where connections are judged as the engine
// does: egress for the local end that opens it, ingress for the local end it is opened to.  A connection that
// was allowed carries the rules' number in its conntrack mark; under other rules it is judged again before
// its next packet.
//
// After a switch this kernel sees connections from their middle.  A TCP segment of an unknown connection is
// judged as what its opener may, who is the end with a port of the dynamic range; where both have one, or
// none, the connection must be allowed either way round.  Anything else is judged as if it opened one.  The
// engine does the same (engine/slow_path.cc).
#pragma once

#include <string>

#include "host/world.h"

namespace outrigger::host {

// `mark`: the number of these rules, never 0 and less than 2^31, another for other rules.
std::string network_rules(const World& world, const NetworkWorld& network, uint32_t mark);

// For the namespace that holds the tunnel address: VXLAN is taken from peers alone, and from each only what
// comes from its own endpoints.
std::string tunnel_rules(const World& world);
std::string tunnel_rules_removal();

std::string port_name(const Place& place);             // "ep7": the host's end of an endpoint's veth pair
std::string vxlan_name(const NetworkWorld& network);   // "vx100"
std::string bridge_name(const NetworkWorld& network);  // "br100"

}  // namespace outrigger::host
