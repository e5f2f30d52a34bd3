// What the node that serves a host noted while the host was measured.  Who asks it how is the caller's
// business: there is no gRPC here.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "measure/measurement.h"

namespace outrigger::measure {

struct Happened {
  std::vector<Incident> incidents;  // of the run
  std::vector<double> blackout_ms;  // of changes in the run, by the node's own clock
  std::vector<std::string> notes;   // what must be said beside them
};

// Asked again at the end of the run: what happened since it was made.
using Since = std::function<absl::StatusOr<Happened>()>;

void add(Happened happened, Measurement& into);

}  // namespace outrigger::measure
