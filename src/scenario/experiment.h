// The turns of an experiment, one after the other, in a lab that stands.
#pragma once

#include <map>
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
  // Before the turns: the isolation boundary as it is in this arm, for the files of all of its turns.
  absl::StatusOr<std::string> audit(Arm arm);  // in short
  absl::StatusOr<measure::Measurement> take(const Turn& turn);
  // After the turns: one change of engines while the same requests are made, added to this file of the DPU's
  // arm. What could not be changed is noted there.
  absl::StatusOr<std::string> change(const std::string& file);  // in short

 private:
  // The arm carries, with all that goes on beside it.
  absl::StatusOr<std::unique_ptr<Load>> enter(Arm arm);
  absl::StatusOr<measure::Measurement> measured(const Turn& turn);
  absl::StatusOr<measure::Happened> changed();
  [[nodiscard]] absl::Status check_way(Arm arm, uint64_t packets, const measure::Measurement& measured) const;
  [[nodiscard]] std::vector<lab::ProcessId> beside_the_dpu(Arm arm) const;

  Setting setting_;
  const Api& api_;
  lab::NodeSocket node_;
  Switch switch_;
  Programs application_;
  std::unique_ptr<Beside> beside_;
  std::map<Arm, std::vector<measure::BoundaryTest>> boundary_;
};

}  // namespace outrigger::scenario
