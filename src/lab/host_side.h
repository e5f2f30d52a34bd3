// The host of a DPU has a kernel of its own, and that is the last resort when the DPU dies.  A node whose
// manifest names an underlay address for that (spec.fallback) gets a namespace for it: an uplink to the
// fabric beside the DPU's, a link to the DPU that stands for the PCIe network between the two, certificates
// of the lab's own authority, and outrigger-host.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lab/lab.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {

inline constexpr char kFallbackDevice[] = "fb0";  // an endpoint's device while the host carries its traffic

// Where the host's side of a node is found.
struct HostSide {
  std::string netns;  // name
  std::string link;   // ADDRESS:PORT of its DPU's host link
  std::string pki;    // folder of the lab's authority
  std::string leaf;   // the host's certificate and key
};
HostSide host_side(const State& state, const PlannedNode& node);

// Namespaces, uplinks, links and certificates, before the daemons start.  May be called again.
absl::Status make_host_sides(const State& state, const Plan& plan);

// What a node's daemon must be told to serve its host; empty for a node without a host side.
std::vector<std::string> link_arguments(const State& state, const PlannedNode& node);

// Starts outrigger-host where it does not run, and tells it in which namespaces its endpoints live.
absl::Status follow_host_sides(const State& state, const Plan& plan, const std::string& daemon);

// The link between the two, cut while the DPU is frozen.
absl::Status cut_link(const PlannedNode& node, bool cut);

void end_host_sides(const State& state);

}  // namespace outrigger::lab
