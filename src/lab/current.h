// The plan that a lab stands for now: the nodes are those of `up`; endpoints and networks follow the desired
// state.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {

// `desired` is YAML; empty: what the lab was made from.
absl::StatusOr<Plan> current_plan(const State& state, const std::string& desired, bool dhcp);

}  // namespace outrigger::lab
