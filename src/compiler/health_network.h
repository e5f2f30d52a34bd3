// Health is earned by packets, so each dpu node carries a small network for them, beside the tenants' own:
// two probe ports, an allowed and a denied way between them, and the first probe port of every other dpu node
// behind its tunnel.  It has a VNI that no manifest may use, and shows nowhere but in the compiled update.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "compiler/compiler.h"
#include "compiler/objects.h"

namespace outrigger::compiler {

// Names of the endpoints and rules of this network begin so; no manifest can name anything so.
inline constexpr char kHealthPrefix[] = "outrigger health/";
[[nodiscard]] inline bool is_health(std::string_view name) { return name.starts_with(kHealthPrefix); }

// Above what endpoints get, below what the engine counts ports up to (4096), and the same on every node.
inline constexpr uint32_t kProbePortA = 4094, kProbePortB = 4095;
inline constexpr uint16_t kAllowedPort = 7;    // to B, TCP and UDP
inline constexpr uint16_t kDeniedPort = 9;     // to B: by a rule
inline constexpr uint16_t kIsolatedPort = 13;  // to B: by isolation, as no rule allows it

// An end of a probe: "a" and "b" of a node.
struct ProbeEnd {
  MacAddress mac;
  IpAddress address;
};
ProbeEnd probe_end(const std::string& node, bool b);
MacAddress health_gateway_mac();

struct HealthPeer {
  std::string node;
  ProbeEnd end;
};
// What the probes of a node are made from.
struct HealthPlan {
  ProbeEnd a, b;
  std::vector<HealthPeer> peers;  // dpu nodes that can be reached over the underlay, by name
};
HealthPlan plan_health(const std::vector<const manifest::Object*>& objects, const std::string& node);

// Adds ports, network, endpoints, policy and names to what was compiled for `node`.  InvalidArgument when two
// nodes' names arrive at one address.
// Takes it out again: the host that stands in for its DPU is probed by nobody.
void remove_health_network(::outrigger::engine::v1::Structure& structure,
                           ::outrigger::engine::v1::Policy& policy);
absl::Status add_health_network(const Objects& objects, const manifest::Node& node, Ids& ids, Compiled& out);

}  // namespace outrigger::compiler
