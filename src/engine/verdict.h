// A decision in terms that mean the same to two engines: their tunnels' numbers differ, their peers' do not.
#pragma once

#include <string>

#include "engine/actions.h"
#include "engine/decision.h"
#include "engine/node_memory.h"
#include "engine/session.h"

namespace outrigger::engine {

struct Verdict {
  Step::Kind step = Step::Kind::kNext;
  Drop drop = Drop::kNone;
  PortId port = kNoPort;
  uint32_t peer = 0;  // 1 + PeerId; 0: local
  uint32_t vni = 0;
  uint32_t endpoint = End::kNoEnd24;
  bool routed = false;
  uint32_t egress_rule = 0, ingress_rule = 0;

  static Verdict of(const Step& step, const Decision& decision, const Actions& actions);
  static Verdict of(const Sample& sample);
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

std::string text(const Verdict& verdict);  // "forward to port 4, rule 17"
// "forward -> drop policy_ingress"; names what differs when both forward.
std::string kind_of_difference(const Verdict& active, const Verdict& shadow);

}  // namespace outrigger::engine
