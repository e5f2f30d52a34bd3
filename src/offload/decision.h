// The article's question, asked of one service: does it belong onto the DPU?  Kept exactly as it is there and
// by itself; what was measured refines order and timing (offload/plan.h), never this answer.
#pragma once

#include <string>

namespace outrigger::offload {

struct OffloadDecision {
  std::string
      task;  // policy, overlay, telemetry, virtual_switch, chain, tap, storage_agent, network_agent, ...
  bool privileged = false;
  bool latency_sensitive = false;
  std::string traffic_locality;  // edge, rack, remote, none
};

bool should_offload(const OffloadDecision& task);

}  // namespace outrigger::offload
