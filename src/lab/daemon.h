// One outriggerd for each dpu node, in the DPU's namespace and on its CPU.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "lab/lab.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {

// Starts those that do not run.
absl::Status start_daemons(const State& state, const Plan& plan, const LabOptions& options);

// Aborted, with the end of its log, when the daemon has ended.
absl::Status check_daemon(const State& state, const std::string& node);

// Waits until the daemon answers; Aborted when it ends.
absl::Status wait_until_up(const State& state, const NodeSocket& node, const NodeApi& api);
absl::Status apply_when_up(const State& state, const NodeSocket& node, const std::string& yaml,
                           const NodeApi& api);

}  // namespace outrigger::lab
