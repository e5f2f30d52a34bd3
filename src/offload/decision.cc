#include "offload/decision.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace outrigger::offload {

bool should_offload(const OffloadDecision& task) {
  constexpr std::array<std::string_view, 4> kTasks = {"policy", "overlay", "telemetry", "virtual_switch"};
  if (task.privileged) return true;
  if (std::find(kTasks.begin(), kTasks.end(), task.task) != kTasks.end()) return true;
  return task.latency_sensitive && task.traffic_locality == "edge";
}

}  // namespace outrigger::offload
