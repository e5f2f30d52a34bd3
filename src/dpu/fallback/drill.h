// A fallback on purpose: does the host path carry the traffic, how long is the gap, and does the way back
// work?  Whatever happens on the way, the DPU gets its work back. Thread-safety: one drill at a time on a
// desk.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dpu/fallback/desk.h"
#include "outrigger/v1/fallback.pb.h"

namespace outrigger::agent {

// How long something is waited for.
struct Patience {
  absl::Duration limit = absl::Seconds(10);
  std::function<absl::Time()> clock = [] { return steady_time(); };
  std::function<void(absl::Duration)> sleep{};  // not set: really
  std::function<bool()> cancelled{};            // not set: never
};
void pause(const Patience& patience);  // a moment
// Until the host's path is in `state`.  DeadlineExceeded says what it was in instead; Cancelled.
absl::Status await_state(const Desk& desk, const std::string& state, const Patience& patience);

struct DrillOrder {
  std::string actor{};
  std::string etag{};
  absl::Duration hold = absl::Seconds(5);    // on the host path
  absl::Duration limit = absl::Seconds(10);  // for each of the two switches
  std::function<absl::Time()> clock = [] { return steady_time(); };
  std::function<void(absl::Duration)> sleep{};  // not set: really
};

// FailedPrecondition or Aborted before the first step: nothing has begun.  `cancelled`: who asked has gone
// away.
absl::Status run_drill(Desk& desk, const DrillOrder& order,
                       const std::function<void(const v1::DrillStep&)>& say,
                       const std::function<bool()>& cancelled);

// A drill that is over, as a text to be kept, and told again.
struct DrillRecord {
  std::vector<v1::DrillStep> steps;
  absl::Status status;

  [[nodiscard]] std::string text() const;
  static DrillRecord parse(const std::string& text);
};

}  // namespace outrigger::agent
