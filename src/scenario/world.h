// The world that a scenario plays in, as manifests: node `a` has a DPU and a host that can carry its own
// traffic, node `b` is a plain peer where the requests come from.  The policies admit the scenario's own
// requests in the middle of as many rules as were asked for, which match nothing that is sent: what they cost
// is what it takes not to match.  Pure.
#pragma once

#include <string>
#include <vector>

#include "scenario/kinds.h"

namespace outrigger::scenario {

struct Guest {
  std::string endpoint;  // "app/server"
  bool served = false;   // lives on node a; else on node b
  uint32_t vni = 0;
  std::string address, mac;
};

inline constexpr char kServedNode[] = "a", kPeerNode[] = "b";
inline constexpr char kDpuTunnel[] = "192.0.2.1", kHostTunnel[] = "192.0.2.101", kPeerTunnel[] = "192.0.2.2";
inline constexpr uint16_t kBulkPort = 5201;
inline constexpr uint16_t kStormPort = 7000;                                // open to strangers
inline constexpr uint16_t kFirstDeniedPort = 7001, kLastDeniedPort = 7999;  // closed to them

struct World {
  std::vector<Guest> guests;  // the first is the application, the second who asks it
  std::vector<uint32_t> vnis;
  std::string topology, policies;  // YAML documents
  unsigned rules = 0;              // in all policies: pairs of a peer and a port
};

World make_world(const Description& what, unsigned rules);
const Guest& guest(const World& world, const std::string& endpoint);

}  // namespace outrigger::scenario
