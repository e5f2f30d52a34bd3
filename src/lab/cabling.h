// Brings namespaces and devices in line with a plan.  Every function may be called again: what is right stays
// as it is.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "lab/lab.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {

inline constexpr char kUplinkDevice[] = "tap,iface=up0";
inline constexpr char kEndpointDevices[] = "tap,iface=ep%u";

// The namespaces of fabric and nodes, the bridge, and the plain nodes' uplinks.
absl::Status make_nodes(const State& state, const Plan& plan);

// Namespaces and devices of endpoints; takes the taps that the nodes' daemons made.
absl::Status follow(const State& state, const Plan& plan, const NodeApi& api, bool dhcp);

}  // namespace outrigger::lab
