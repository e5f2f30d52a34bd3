// What a rollout's own thread does, stage by stage.
#include <algorithm>
#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/rollout/running.h"

namespace outrigger::agent {

namespace {

const char* word(Health health) {
  constexpr const char* kWords[] = {"unknown", "starting", "ready", "degraded", "failed"};
  return kWords[static_cast<size_t>(health)];
}

std::string evidence_of(const ServiceState& state) {
  return absl::StrCat(state.service, " is ", word(state.health), " (probe ", state.probe, ", ",
                      state.succeeded, " ok, ", state.failed, " failed", state.reason.empty() ? "" : ": ",
                      state.reason, ")");
}

}  // namespace

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

// Kept when the service has been ready for the whole time; back when it is not; held while nobody knows.
// A version that crashed may be replaced by the old one so fast that health never leaves ready, and what
// probes found before the change tells nothing about the new version: neither counts.
void Rollouts::watch(Running& one) {
  const absl::Duration settle = absl::Seconds(one.request.settle_seconds());
  const absl::Time began = steady_time();
  absl::Time ready_since = absl::InfiniteFuture();
  std::function<std::string()> version;
  {
    const std::lock_guard lock(mutex_);
    version = changers_[one.request.service()].version;
  }
  for (;;) {
    ServiceState state;
    if (board_ != nullptr) state = board_->of(one.request.service());
    const std::string present = version();
    const absl::Time now = steady_time();
    const bool stale = now - state.last_probe > times_.stale;
    const bool no_data = board_ == nullptr || state.health == Health::kUnknown || stale;
    const bool bad = !no_data && (state.health == Health::kFailed || state.health == Health::kDegraded);
    std::unique_lock lock(mutex_);
    v1::Rollout& rollout = *find(one.request.service());
    const bool held = rollout.state() == name(Stage::kHold);
    if (stopping_) return;
    if (const std::optional<Happening> word = std::exchange(one.word, std::nullopt); word) {
      if (*word == Happening::kPromote) {
        (void)step(rollout, *word, one.word_actor, one.word_reason, evidence_of(state));
        return;
      }
      lock.unlock();
      return go_back(one, *word, one.word_actor, one.word_reason, evidence_of(state));
    }
    // Empty: no engine is active at this moment, which health will tell.
    if (!present.empty() && present != one.request.to()) {
      lock.unlock();
      return go_back(one, Happening::kFailed, "agent",
                     absl::StrCat(one.request.to(), " did not stay in force"), evidence_of(state));
    }
    if (bad) {
      lock.unlock();
      return go_back(one, Happening::kFailed, "agent", "health left ready", evidence_of(state));
    }
    if (no_data != held) {
      const std::string evidence = no_data ? "no probe has answered lately" : evidence_of(state);
      (void)step(rollout, no_data ? Happening::kNoData : Happening::kData, "agent",
                 no_data ? "nothing is known about its health" : "its health is known again", evidence);
      ready_since = absl::InfiniteFuture();
    }
    const bool ready =
        !no_data && state.health == Health::kReady && state.last_probe > began && !rollout.paused();
    ready_since = ready ? std::min(ready_since, now) : absl::InfiniteFuture();
    if (ready && now - ready_since >= settle) {
      (void)step(rollout, Happening::kPassed, "agent",
                 absl::StrCat("ready for ", absl::FormatDuration(settle)), evidence_of(state));
      return;
    }
    wake_.wait_for(lock, absl::ToChronoMilliseconds(times_.poll));
  }
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
