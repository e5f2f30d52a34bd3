#include "host/machine.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::host {

std::string_view name(State state) {
  switch (state) {
    case State::kDormant:
      return "dormant";
    case State::kBlocking:
      return "blocking";
    case State::kActive:
      return "active";
    case State::kHandingBack:
      return "handing_back";
    case State::kFailed:
      return "failed";
  }
  return "failed";
}

void Machine::go(State state, std::string reason) {
  state_ = state;
  reason_ = std::move(reason);
}

Action Machine::step(const Situation& now) {
  const bool healthy = now.lease && now.dpu_healthy;
  if (!healthy) healthy_since_ = absl::InfiniteDuration();
  if (healthy && healthy_since_ > now.now) healthy_since_ = now.now;
  switch (state_) {
    case State::kDormant:
    case State::kFailed:
      return wants_host(now);
    case State::kActive:
      return wants_dpu(now);
    case State::kBlocking:  // interrupted by a restart: begun again
      return Action::kTakeOver;
    case State::kHandingBack:
      return Action::kGiveBack;
  }
  return Action::kNone;
}

// Every reason to stay is said, none is silent.
Action Machine::wants_host(const Situation& now) {
  const bool order = now.order == Order::kFallBack;
  if (now.lease && !order) {
    if (state_ == State::kFailed) go(State::kDormant, "the DPU is in charge");
    return Action::kNone;
  }
  const std::string because = order ? "ordered by the operator" : "the DPU's lease has expired";
  if (!now.allowed && now.bundle_fault.empty()) {
    go(State::kDormant, because + ", but the contract says closed");
    return Action::kNone;
  }
  if (now.now < not_before_) return Action::kNone;
  const std::string& fault = now.bundle_fault.empty() ? now.path_fault : now.bundle_fault;
  if (!fault.empty()) {
    go(State::kFailed, absl::StrCat(because, ", but ", fault));
    return Action::kNone;
  }
  ordered_ = order;
  go(State::kBlocking, because);
  return Action::kTakeOver;
}

Action Machine::wants_dpu(const Situation& now) {
  if (now.order == Order::kFallBack) ordered_ = true;
  const bool asked = now.order == Order::kReturn;
  if (ordered_ && !asked) return Action::kNone;
  const bool steady = healthy_since_ <= now.now &&
                      now.now - healthy_since_ >= (asked ? absl::ZeroDuration() : settings_.steady);
  if (!steady || !now.ports || now.now < not_before_) return Action::kNone;
  go(State::kHandingBack, asked ? "ordered by the operator" : "the DPU is healthy again");
  return Action::kGiveBack;
}

void Machine::done(Action action, bool succeeded, const std::string& why, absl::Duration now) {
  if (action == Action::kNone) return;
  if (!succeeded) not_before_ = now + settings_.retry;
  if (action == Action::kTakeOver) {
    if (succeeded) return go(State::kActive, reason_);
    return go(State::kFailed, absl::StrCat("could not take over: ", why));
  }
  if (!succeeded) return go(State::kActive, absl::StrCat("could not hand back: ", why));
  ordered_ = false;
  go(State::kDormant, reason_);
}

}  // namespace outrigger::host
