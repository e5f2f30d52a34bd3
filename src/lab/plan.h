// What a lab must contain, worked out from manifests before anything is made.  Pure: no root, no side
// effects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "manifest/objects.h"

namespace outrigger::lab {

struct PlannedNode {
  std::string name;
  manifest::Node::Kind kind = manifest::Node::Kind::kDpu;
  std::string netns;
  std::string uplink;               // its device in the fabric
  std::vector<IpAddress> underlay;  // at most one of each family
  uint16_t mtu = 1500;
  std::vector<IpAddress> fallback;  // underlay of the host's own kernel; empty: the lab makes no host side
};

struct PlannedNetwork {
  std::string name;
  uint32_t vni = 0;
  uint16_t mtu = 1450;
};

struct PlannedEndpoint {
  std::string name;  // "shop/web-1"
  std::string node;
  std::string netns;
  bool plain = false;  // on a plain node: hangs on its bridge by a veth pair
  std::string veth;    // that pair's other end, on the node
  uint32_t vni = 0;
  std::vector<std::string> addresses;
  std::string setup;  // `ip -batch` lines that make eth0 what the manifest says
};

struct Plan {
  std::vector<PlannedNode> nodes;          // by name
  std::vector<PlannedEndpoint> endpoints;  // by name; those on nodes outside the plan are left out
  std::vector<PlannedNetwork> networks;    // by VNI
  [[nodiscard]] const PlannedNode* node(std::string_view name) const;
};

// Reads and checks a file or folder; InvalidArgument lists the faults.
absl::StatusOr<std::vector<manifest::Document>> documents_in(const std::string& path);
absl::StatusOr<std::vector<manifest::Document>> documents_of(std::string_view yaml, const std::string& file);
// The documents a lab is made of: Node, Network, Namespace, Endpoint.
std::string topology_of(const std::vector<manifest::Document>& documents);

// With `dhcp`, eth0 gets no addresses: the guest asks for them.  Unimplemented names the network that a plain
// node would need in a form this kernel side does not have (Geneve).
absl::StatusOr<Plan> plan(const std::string& lab, const std::vector<manifest::Document>& documents,
                          bool dhcp);

}  // namespace outrigger::lab
