// Did the change cost anybody anything?  What was measured for a while before it against what was measured
// for as long after it, by the gate of src/stats: the change of the application's p99, and by e-value the
// requests that failed and the seconds in which this node dropped for want of something or had an incident.
// Pure.
#pragma once

#include <string>

#include "dpu/rollout/measured.h"
#include "stats/gate.h"

namespace outrigger::agent {

struct Judgement {
  stats::Gate gate = stats::Gate::kHold;
  std::string reason;    // with the number that decided
  std::string evidence;  // everything it was decided by
};

// Windows of a side are merged with their neighbours until there are at most so many: a bound on the work,
// whatever a host sends.
inline constexpr size_t kMostGroups = 60;
inline constexpr uint32_t kRounds = 1000;

inline constexpr double kDefaultMargin = 0.05;

// `margin` as a share, 0.05; `planned` is how long both sides are to be.
Judgement judge_change(const Measured& before, const Measured& after, double margin, absl::Duration planned);

// In the middle of it: roll back already, for more goes wrong than did before?  May be asked as often as one
// likes; the latency is judged once, at the end.
bool counts_speak(const Measured& before, const Measured& after, absl::Duration planned);

}  // namespace outrigger::agent
