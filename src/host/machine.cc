#include "host/machine.h"

#include <algorithm>
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
  step_ = Step::kBegun;
  carried_since_ = absl::InfiniteDuration();
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
    case State::kBlocking:
      return takes_over(now);
    case State::kHandingBack:
      return hands_back(now);
  }
  return Action::kNone;
}

// Every reason to stay is said, none is silent.
Action Machine::wants_host(const Situation& now) {
  const bool order = now.order == Order::kFallBack;
  if (now.lease && !order) {
    if (state_ == State::kFailed || cut_) go(State::kDormant, "the DPU is in charge");
    cut_ = false;
    return Action::kNone;
  }
  // Peers believe a DPU that answers them, not us: who took its work would have a path that leads nowhere.
  cut_ = !now.lease && !order && now.dpu_answers;
  if (cut_) {
    go(State::kDormant, "the DPU's lease has expired, but its ports still answer: the link alone is cut");
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
  return takes_over(now);
}

// A DPU that may be dead is waited for in nothing.
Action Machine::takes_over(const Situation& now) {
  if (!now.lease || !now.gentle) return Action::kTakeOver;
  if (step_ == Step::kBegun) return Action::kOpenHost;
  if (step_ == Step::kOpened) {
    return for_as_long_as(settings_.unnoticed, now) ? Action::kMoveToHost : Action::kNone;
  }
  return for_as_long_as(settings_.last_words, now) ? Action::kTakeOver : Action::kNone;
}

Action Machine::wants_dpu(const Situation& now) {
  if (now.order == Order::kFallBack) ordered_ = true;
  const bool asked = now.order == Order::kReturn;
  if (ordered_ && !asked) return Action::kNone;
  const bool steady = healthy_since_ <= now.now &&
                      now.now - healthy_since_ >= (asked ? absl::ZeroDuration() : settings_.steady);
  if (!steady || !now.ports || now.now < not_before_) return Action::kNone;
  ordered_ = false;  // the operator has ended it, however far this gets
  go(State::kHandingBack, asked ? "ordered by the operator" : "the DPU is healthy again");
  return hands_back(now);
}

// A DPU that is ill meanwhile is not left: its peers, whom it has only begun to hear, are part of its health.
Action Machine::hands_back(const Situation& now) {
  if (!now.lease) {
    go(State::kBlocking, "the DPU's lease has expired while it was given its work back");
    return Action::kTakeOver;
  }
  if (!now.gentle) return Action::kGiveBack;
  if (step_ == Step::kBegun) return Action::kOpenDpu;
  if (step_ == Step::kMoved) {
    return for_as_long_as(settings_.noticed, now) ? Action::kGiveBack : Action::kNone;
  }
  if (now.dpu_carries) carried_since_ = std::min(carried_since_, now.now);
  const bool opened = carried_since_ <= now.now && now.now - carried_since_ >= settings_.opened;
  if (opened) return Action::kMoveToDpu;
  if (!for_as_long_as(settings_.promise, now)) return Action::kNone;
  not_before_ = now.now + settings_.retry;
  go(State::kBlocking, "could not hand back: the DPU does not say that it carries");
  return Action::kTakeOver;
}

void Machine::done(Action action, bool succeeded, const std::string& why, absl::Duration now) {
  if (action == Action::kNone) return;
  if (!succeeded) not_before_ = now + settings_.retry;
  const bool there = state_ == State::kBlocking;
  if (!succeeded && there) return go(State::kFailed, absl::StrCat("could not take over: ", why));
  if (!succeeded) return go(State::kActive, absl::StrCat("could not hand back: ", why));
  stepped_at_ = now;
  if (action == Action::kOpenHost || action == Action::kOpenDpu) step_ = Step::kOpened;
  if (action == Action::kMoveToHost || action == Action::kMoveToDpu) step_ = Step::kMoved;
  if (action == Action::kTakeOver) return go(State::kActive, reason_);
  if (action != Action::kGiveBack) return;
  go(State::kDormant, reason_);
}

}  // namespace outrigger::host
