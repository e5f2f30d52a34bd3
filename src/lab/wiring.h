// What a network engineer would type to join uplinks to a fabric and to make a plain Linux host a VXLAN peer:
// lines for `ip -batch` (`bridge -batch` for flooding_setup), each for the namespace that it names.  Pure.
#pragma once

#include <string>

#include "lab/plan.h"

namespace outrigger::lab {

std::string fabric_setup();                         // fabric: the bridge
std::string uplink_setup(const PlannedNode& node);  // fabric: a node's uplink as the bridge's port
std::string plain_node_setup(const PlannedNode& node, const Plan& plan);  // node: addresses, routes to peers
// host side: the addresses its kernel path may use, routes to peers
std::string host_setup(const PlannedNode& node, const Plan& plan);
std::string network_setup(const PlannedNode& node,
                          const PlannedNetwork& network);  // node: bridge and vxlan device
// node: unknown destinations, broadcast and multicast go to every peer (there is no multicast in the
// underlay); where an address answers from is learnt.
std::string flooding_setup(const PlannedNode& node, const PlannedNetwork& network, const Plan& plan);

}  // namespace outrigger::lab
