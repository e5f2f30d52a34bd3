#include "dpu/health/machine.h"

#include <algorithm>

namespace outrigger::agent {

std::string_view name(Health health) {
  constexpr std::string_view kNames[] = {"unknown", "starting", "ready", "degraded", "failed"};
  return kNames[static_cast<size_t>(health)];
}

HealthRules HealthRules::of(absl::Duration interval, absl::Duration timeout, uint32_t ready_after,
                            uint32_t fail_after) {
  HealthRules rules;
  rules.ready_after = ready_after;
  rules.fail_after = fail_after;
  rules.silence = 3 * interval + timeout;
  rules.flap_window = std::max(absl::Seconds(10), 30 * interval);
  return rules;
}

// What the run so far has earned; the present state when it is too short.
Health HealthMachine::wanted() const {
  switch (run_) {
    case ProbeOutcome::kNothing:
      return Health::kUnknown;
    case ProbeOutcome::kPass:
      return length_ < rules_.ready_after ? state_ : damped_ ? Health::kDegraded : Health::kReady;
    case ProbeOutcome::kTrouble:
      return length_ < (state_ == Health::kReady ? rules_.fail_after : rules_.ready_after)
                 ? state_
                 : Health::kDegraded;
    case ProbeOutcome::kFail:
      return length_ < rules_.fail_after ? state_ : Health::kFailed;
  }
  return state_;
}

// Damping ends when the window has gone by without a failure.
bool HealthMachine::calm(absl::Time now) {
  while (!left_ready_.empty() && left_ready_.front() + rules_.flap_window < now) left_ready_.pop_front();
  return last_failure_ + rules_.flap_window < now;
}

bool HealthMachine::become(Health next, absl::Time now) {
  if (next == state_) return false;
  if (state_ == Health::kReady) {
    ++flaps_;
    left_ready_.push_back(now);
    damped_ = damped_ || left_ready_.size() > rules_.flaps_allowed;
  }
  state_ = next;
  since_ = now;
  return true;
}

bool HealthMachine::note(ProbeOutcome outcome, absl::Time now) {
  heard_ = now;
  vacuous_ = outcome == ProbeOutcome::kNothing;
  if (outcome == ProbeOutcome::kFail) last_failure_ = now;
  const bool is_calm = calm(now);
  damped_ = damped_ && !is_calm;
  if (outcome != run_ || length_ == 0) {
    run_ = outcome;
    length_ = 0;
    run_began_ = now;
  }
  length_ += length_ < UINT32_MAX ? 1 : 0;
  return become(wanted(), now);
}

bool HealthMachine::tick(absl::Time now) {
  if (now - heard_ <= rules_.silence || state_ == Health::kUnknown) return false;
  length_ = 0;  // what was earned before the silence counts no more
  vacuous_ = false;
  run_began_ = heard_;
  return become(Health::kUnknown, now);
}

}  // namespace outrigger::agent
