#include "scenario/dpu_cost.h"

#include <unistd.h>

#include "absl/time/clock.h"
#include "lab/names.h"
#include "lab/node_processes.h"
#include "lab/state.h"
#include "procfs/process.h"

namespace outrigger::scenario {

DpuCost::DpuCost(const std::string& lab, const std::string& node, std::vector<lab::ProcessId> also)
    : processes_(std::move(also)), since_(absl::Now()) {
  for (const lab::NodeProcess& one :
       lab::node_processes(lab::node_netns(lab, node), lab::State(lab).node_folder(node)))
    processes_.push_back(one.id);
  before_ = ticks();
}

std::map<uint32_t, uint64_t> DpuCost::ticks() const {
  std::map<uint32_t, uint64_t> all;
  for (const lab::ProcessId& id : processes_) {
    const auto activity = procfs::read_activity(static_cast<uint32_t>(id.pid));
    if (activity.ok() && activity->start_ticks == id.start)
      all[static_cast<uint32_t>(id.pid)] = activity->cpu_ticks;
  }
  return all;
}

measure::Cost DpuCost::so_far() const {
  measure::Cost cost{.dpu_cpu = 0, .dpu_memory = 0};
  uint64_t spent = 0;
  for (const auto& [pid, now] : ticks()) {
    const auto before = before_.find(pid);
    if (before != before_.end()) spent += now - before->second;
    const auto process = procfs::read_process(pid);
    if (process.ok()) cost.dpu_memory += static_cast<int64_t>(process->memory);
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - since_);
  cost.dpu_cpu = static_cast<double>(spent) / static_cast<double>(sysconf(_SC_CLK_TCK)) / seconds;
  return cost;
}

}  // namespace outrigger::scenario
