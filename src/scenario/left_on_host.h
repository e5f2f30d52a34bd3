// What with rights of its own is left on the host: every process in the namespaces of its kernel and its path
// that could do harm there, and the kernel's own work where that is in force.  Looked up, not believed.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "measure/measurement.h"
#include "scenario/programs.h"
#include "scenario/world.h"

namespace outrigger::scenario {

// `known`: programs whose names say more than what they are run by ("policy-agent", not "sh").
absl::StatusOr<std::vector<measure::PrivilegedService>> left_on_host(const std::string& lab,
                                                                     const World& world,
                                                                     const std::vector<Running>& known);

}  // namespace outrigger::scenario
