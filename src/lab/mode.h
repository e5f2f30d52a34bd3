// Whether a lab's nodes are split into processes or not: what was asked for, what is installed, and whether
// the kernel has the huge pages for it.
#pragma once

#include "absl/status/statusor.h"
#include "lab/lab.h"
#include "lab/state.h"

namespace outrigger::lab {

// Split or solo.  For split, the huge pages of `nodes` DPUs are reserved and noted; `why` says why auto
// became solo.
absl::StatusOr<Mode> settle_mode(const State& state, const LabOptions& options, size_t nodes,
                                 std::string& why);

}  // namespace outrigger::lab
