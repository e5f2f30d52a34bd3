// What the other side paid: CPU time and memory of the DPU's processes over a run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lab/process.h"
#include "measure/measurement.h"

namespace outrigger::scenario {

class DpuCost {
 public:
  // From now on.  `also`: further processes on the DPU's side.
  DpuCost(const std::string& lab, const std::string& node, std::vector<lab::ProcessId> also);
  [[nodiscard]] measure::Cost so_far() const;

 private:
  [[nodiscard]] std::map<uint32_t, uint64_t> ticks() const;

  std::vector<lab::ProcessId> processes_;
  std::map<uint32_t, uint64_t> before_;  // by pid
  absl::Time since_;
};

}  // namespace outrigger::scenario
