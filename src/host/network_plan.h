// What the kernel path needs of links, addresses and neighbours, as lines for `ip -batch` and `bridge
// -batch`. Pure.  Everything may be said twice: what is there already is replaced, not doubled.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/world.h"

namespace outrigger::host {

struct NetworkPlan {
  std::string netns;        // "or-shop.fb.100"
  std::string make;         // in the host's own namespace: the vxlan device, born into `netns`
  std::string links;        // in `netns`, for what is not there yet (see `present`)
  std::string addresses;    // in `netns`: gateways and neighbours
  std::string forwarding;   // in `netns`, bridge: who is behind which port
  std::string open, close;  // in `netns`: the vxlan device up, and down
};

// `present`: the devices that `netns` has already.  `guests`: the namespace of each local endpoint, by id.
NetworkPlan plan_network(const World& world, const NetworkWorld& network, const std::string& prefix,
                         const std::set<std::string>& present, const std::map<uint32_t, std::string>& guests);

// The kernel settings of a network's namespace, below /proc/sys/net.
std::vector<std::pair<std::string, std::string>> network_settings();

}  // namespace outrigger::host
