// The turns of an experiment, one after the other, in a lab that stands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scenario/beside.h"
#include "scenario/dpu_cost.h"
#include "scenario/turn.h"
#include "scenario/work.h"

namespace outrigger::scenario {

class Experiment {
 public:
  Experiment(Setting setting, const Api& api, lab::NodeSocket node);

  // The application runs, the host has its rules.
  absl::Status begin();
  // The file of what was measured.
  absl::StatusOr<std::string> take(const Turn& turn);

 private:
  absl::StatusOr<measure::Measurement> measured(const Turn& turn);
  [[nodiscard]] absl::Status check_way(Arm arm, uint64_t packets, const measure::Measurement& measured) const;
  [[nodiscard]] std::vector<lab::ProcessId> beside_the_dpu(Arm arm) const;

  Setting setting_;
  Switch switch_;
  Programs application_;
  std::unique_ptr<Beside> beside_;
};

}  // namespace outrigger::scenario
