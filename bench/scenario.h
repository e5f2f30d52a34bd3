// What the peers are given as flow tables, said in our words: one tenant endpoint, one other side, a policy
// of N rules.
//
// The tenant is an endpoint with 10.0.0.0/9 behind it, the other side one with 10.128.0.0/16, local or behind
// VXLAN.  The peers' rule set matches source, destination, protocol and port; in ours the source side is the
// subject's class, so a rule keeps destination, protocol and port: /32 + port, /24 + port, or a whole block,
// four fifths allow, one fifth deny.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::bench {

struct ScenarioSpec {
  std::string inside = "net_flowgen0";
  std::string outside = "net_flowgen1";
  uint32_t rules = 0;  // 0: endpoints without policy
  bool overlay = false;
};

class Scenario {
 public:
  explicit Scenario(const ScenarioSpec& spec) : spec_(spec) {}
  std::string initial();  // serialised Update
  std::string next_change(
      unsigned rules);  // alternately adds and removes `rules` rules nobody's traffic matches

 private:
  void add_structure(::outrigger::engine::v1::Structure& structure) const;
  void add_policy(::outrigger::engine::v1::Policy& policy);
  void add_random_rule(::outrigger::engine::v1::Policy& policy, uint32_t id, std::mt19937& random);

  ScenarioSpec spec_;
  uint64_t generation_ = 0;
  ::outrigger::engine::v1::Policy added_;  // to be removed next
};

}  // namespace outrigger::bench
