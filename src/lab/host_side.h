// The host of a DPU has a kernel of its own, and that is the last resort when the DPU dies.  A node whose
// manifest names an underlay address for that gets a namespace for it: an uplink to the fabric beside the
// DPU's, a link to the DPU that stands for the PCIe network between the two, and outrigger-host.
#pragma once

#include "absl/status/status.h"
#include "lab/lab.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {

inline constexpr char kLinkDpu[] = "169.254.7.1";  // the same on every node: no two share a link
inline constexpr char kLinkHost[] = "169.254.7.2";
inline constexpr char kLinkPort[] = "7444";

// Namespaces, uplinks and links, before the daemons start.  May be called again.
absl::Status make_host_sides(const State& state, const Plan& plan);
// outrigger-host, and the file that tells it in which namespace each endpoint lives.
absl::Status start_host_sides(const State& state, const Plan& plan, const LabOptions& options);
// What a node's daemon must be told to serve its host; empty for a node without a host side.
std::vector<std::string> link_arguments(const State& state, const PlannedNode& node);

}  // namespace outrigger::lab
