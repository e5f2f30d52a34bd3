// What a rollout's own thread does, stage by stage.
#include "absl/strings/str_cat.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/rollout/running.h"

namespace outrigger::agent {

void Rollouts::run(Running& one) {
  for (;;) {
    std::unique_lock lock(mutex_);
    v1::Rollout* rollout = find(one.request.service());
    if (stopping_ || rollout == nullptr || rollout->id() != one.id) break;
    const Stage stage = stage_from(rollout->state()).value_or(Stage::kAborted);
    if (ended(stage)) break;
    const auto paused_before_change = [&] {
      return find(one.request.service())->paused() && !in_force(stage) && !one.word && !stopping_;
    };
    if (paused_before_change()) {
      wake_.wait(lock, [&] { return !paused_before_change(); });
      continue;
    }
    if (stage == Stage::kPlanned) {
      const Happening what = one.word == Happening::kAbort ? Happening::kAbort : Happening::kBegin;
      (void)step(*rollout, what, what == Happening::kAbort ? one.word_actor : "agent", one.word_reason, "");
      continue;
    }
    lock.unlock();
    if (stage == Stage::kPreflight) {
      do_preflight(one);
    } else if (stage == Stage::kShadow) {
      do_shadow(one);
    } else {
      watch(one);
    }
  }
  const std::lock_guard lock(mutex_);
  one.done = true;
}

void Rollouts::do_preflight(Running& one) {
  Changer changer;
  {
    const std::lock_guard lock(mutex_);
    changer = changers_[one.request.service()];
  }
  const absl::Status status = changer.preflight(order_of(one.request, one.actor));
  const std::lock_guard lock(mutex_);
  v1::Rollout& rollout = *find(one.request.service());
  if (one.word == Happening::kAbort) {
    (void)step(rollout, Happening::kAbort, one.word_actor, one.word_reason, "nothing was changed");
    return;
  }
  (void)step(rollout, status.ok() ? Happening::kPassed : Happening::kFailed, "agent",
             status.ok() ? "" : std::string(status.message()),
             status.ok() ? "every check passed" : "nothing was changed");
}

// The end of the agent ends a shadow, which may be long; what was under way is then found by the next one.
RolloutOrder Rollouts::order_with_words(Running& one) {
  RolloutOrder order = order_of(one.request, one.actor);
  order.aborted = [this, &one] {
    const std::lock_guard lock(mutex_);
    return stopping_ || one.word == Happening::kAbort;
  };
  order.held = [this, &one] {
    const std::lock_guard lock(mutex_);
    return find(one.request.service())->paused();
  };
  return order;
}

void Rollouts::do_shadow(Running& one) {
  Changer changer;
  {
    const std::lock_guard lock(mutex_);
    changer = changers_[one.request.service()];
  }
  keep_before(one);
  const absl::StatusOr<std::string> changed = changer.change(order_with_words(one));
  std::unique_lock lock(mutex_);
  v1::Rollout& rollout = *find(one.request.service());
  if (stopping_ && absl::IsCancelled(changed.status())) return;  // the next agent finds it in shadow
  if (!changed.ok() && one.word == Happening::kAbort) {
    (void)step(rollout, Happening::kAbort, one.word_actor, one.word_reason,
               absl::StrCat(rollout.from(), " has stayed in force"));
    return;
  }
  if (!changed.ok()) {
    (void)step(rollout, Happening::kFailed, "agent", std::string(changed.status().message()),
               absl::StrCat(rollout.from(), " has stayed in force"));
    return;
  }
  if (one.word != Happening::kAbort) {
    (void)step(rollout, Happening::kPassed, "agent", "", *changed);
    return;
  }
  lock.unlock();
  go_back(one, Happening::kAbort, one.word_actor, one.word_reason, *changed);
}

void Rollouts::go_back(Running& one, Happening why, const std::string& actor, const std::string& reason,
                       const std::string& evidence) {
  Changer changer;
  std::string from;
  {
    const std::lock_guard lock(mutex_);
    changer = changers_[one.request.service()];
    from = find(one.request.service())->from();
  }
  const absl::Status status = changer.go_back(from, actor);
  const std::lock_guard lock(mutex_);
  v1::Rollout& rollout = *find(one.request.service());
  if (status.ok()) {
    (void)step(rollout, why, actor, reason, absl::StrCat(evidence, "; ", from, " is in force again"));
  } else {
    (void)step(rollout, Happening::kStuck, actor, reason,
               absl::StrCat(evidence, "; and ", from,
                            " could not be brought back: ", std::string(status.message())));
  }
}

}  // namespace outrigger::agent
