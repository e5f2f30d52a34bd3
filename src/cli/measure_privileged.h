// Which services this host runs with privileges now, for a measurement.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "measure/measurement.h"

namespace outrigger::cli {

// Sets `privileged`, and notes what could not be seen.  Applications are none of them.  Only in these network
// namespaces, when any are given; NotFound names one that is not there.
absl::Status look_for_privileged(const std::vector<std::string>& networks, measure::Measurement& into);

}  // namespace outrigger::cli
