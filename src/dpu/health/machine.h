// One lost packet is not an outage, and one that came through is not health.  This is the memory between the
// results of a probe and what is said of the service: sustained success before ready, sustained failure
// before failed, no calm after a storm until it has stayed calm, and silence is unknown.
//
// Theory of operation.  Results come in runs of one kind.  A run of passes as long as `ready_after` makes
// ready, a run of failures as long as `fail_after` makes failed, a run of "it works, but" makes degraded: as
// long as `fail_after` out of ready, `ready_after` out of anything else.  Leaving ready is counted; more than
// `flaps_allowed` times inside `flap_window` and the way back ends at degraded until the window has passed
// without a failure.  Nothing to probe is unknown at once, and no result for `silence` is too.
// Pure: time is given. Thread-safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "absl/time/time.h"
#include "dpu/health/health_board.h"

namespace outrigger::agent {

enum class ProbeOutcome : uint8_t {
  kPass,
  kTrouble,  // it works, but: a table nearly full, one peer of several away
  kFail,
  kNothing,  // there is nothing that could be probed: no failure, and never a pass
};

struct HealthRules {
  uint32_t ready_after = 3;
  uint32_t fail_after = 3;
  absl::Duration silence = absl::Seconds(3);  // three intervals and the time one probe may take
  uint32_t flaps_allowed = 3;
  absl::Duration flap_window = absl::Seconds(30);

  static HealthRules of(absl::Duration interval, absl::Duration timeout, uint32_t ready_after,
                        uint32_t fail_after);
};

class HealthMachine {
 public:
  HealthMachine(const HealthRules& rules, absl::Time now) : rules_(rules), since_(now), heard_(now) {}

  // True when the state is another afterwards.
  bool note(ProbeOutcome outcome, absl::Time now);
  bool tick(absl::Time now);  // time alone: silence
  // For so long nobody here could have heard anything.
  void forgive(absl::Duration away, absl::Time now) { heard_ = std::min(heard_ + away, now); }

  [[nodiscard]] Health state() const { return state_; }
  [[nodiscard]] absl::Time since() const { return since_; }
  [[nodiscard]] uint32_t flaps() const { return flaps_; }  // times it left ready, ever
  [[nodiscard]] bool damped() const { return damped_; }
  [[nodiscard]] bool vacuous() const { return vacuous_; }  // unknown as there is nothing to probe
  // Of the run that is leading up to a change: when it began.
  [[nodiscard]] absl::Time run_began() const { return run_began_; }

 private:
  [[nodiscard]] Health wanted() const;
  [[nodiscard]] bool calm(absl::Time now);
  bool become(Health next, absl::Time now);

  HealthRules rules_;
  Health state_ = Health::kStarting;
  absl::Time since_;
  absl::Time heard_;
  ProbeOutcome run_ = ProbeOutcome::kNothing;
  uint32_t length_ = 0;
  absl::Time run_began_ = absl::InfinitePast();
  absl::Time last_failure_ = absl::InfinitePast();
  std::deque<absl::Time> left_ready_;  // inside the window
  uint32_t flaps_ = 0;
  bool damped_ = false;
  bool vacuous_ = false;
};

}  // namespace outrigger::agent
