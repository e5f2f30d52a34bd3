// A whole run, from its first window to the measurement that is written.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "measure/measurement.h"
#include "measure/recorder.h"

namespace outrigger::measure {

struct RunOptions {
  RecorderOptions recorder;
  Measurement head;  // label, place, placement, notes, budget: what is not found out here
  double seconds = 60;
  double window_s = 1;
  int stop = -1;  // a descriptor; when it can be read the run ends, with what there is
  std::function<void(const Window&)> each;
};

absl::StatusOr<Measurement> run(const RunOptions& options);

}  // namespace outrigger::measure
