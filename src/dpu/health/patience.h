// A question to the engine occupies the thread that also applies configuration, for as long as it waits; and
// an echo that fails waits for all of its time.  So the engine is asked for a moment only; the rest of the
// time is waited here, and what arrived meanwhile is fetched in between.
#pragma once

#include "absl/time/time.h"
#include "dpu/health/probes.h"

namespace outrigger::agent {

using EchoFn = decltype(ProbeSources::echo);

constexpr absl::Duration kAtOnce = absl::Milliseconds(20);  // the longest that `ask` is made to wait

// As `ask`, which may be null, with a wait that is the caller's own.
EchoFn patient(EchoFn ask);

}  // namespace outrigger::agent
