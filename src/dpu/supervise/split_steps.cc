// The steps of a change of engines: brought up, compared, put in place, watched, undone.
#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/supervise/split_supervisor.h"

namespace outrigger::agent {

namespace {

constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr auto kShadowPoll = std::chrono::milliseconds(100);
constexpr absl::Duration kSettle = absl::Milliseconds(500);
constexpr double kSilentTooLong = 250;  // ms without a beat, in the time of settling

bool intended(const engine::Difference& difference, const std::vector<std::string>& kinds) {
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](const std::string& kind) { return kind == "all" || kind == difference.kind; });
}

void say(const UpgradeProgressFn& progress, std::string step, std::string message) {
  if (progress) progress({std::move(step), std::move(message), 0, {}});
}

absl::Status aborted(const ChangeWords& words) {
  return words.aborted && words.aborted() ? absl::CancelledError("aborted by word; nothing was moved")
                                          : absl::OkStatus();
}

bool held(const ChangeWords& words) { return words.held && words.held(); }

}  // namespace

absl::Status SplitSupervisor::wait_for(const std::string& instance, absl::Duration patience,
                                       const ChangeWords& words,
                                       const std::function<bool(SplitEngine&, Member&)>& ready) {
  const absl::Time deadline = steady_time() + patience;
  for (;;) {
    bool done = false;
    absl::Status status = aborted(words);
    if (!status.ok()) return status;
    on_engine_([&](SplitEngine& engine) {
      Member* member = engine.member(instance);
      if (member == nullptr) {
        status =
            absl::AbortedError("the new engine ended; its log lies in the runtime folder (last-VERSION.log)");
        return;
      }
      done = ready(engine, *member);
      if (!done && steady_time() > deadline)
        status = absl::DeadlineExceededError(
            member->error.empty()
                ? absl::StrCat("the new engine is not ready within ", absl::FormatDuration(patience))
                : member->error);
    });
    if (!status.ok() || done) return status;
    std::this_thread::sleep_for(kPoll);
  }
}

// Starts it beside the others and gives it the state.
absl::StatusOr<std::string> SplitSupervisor::bring_up(const UpgradeOrder& order,
                                                      const UpgradeProgressFn& progress) {
  absl::StatusOr<std::string> instance = absl::InternalError("not started");
  absl::Duration patience;
  say(progress, "start", absl::StrCat("starting engine ", order.to));
  on_engine_([&](SplitEngine& engine) {
    patience = engine.options().start_timeout;
    instance = engine.start_member(order.to, /*candidate=*/true);
  });
  if (!instance.ok()) return instance;
  absl::Status status =
      wait_for(*instance, patience + absl::Seconds(1), order.words,
               [](SplitEngine&, Member& member) { return member.state == Member::State::kUp; });
  if (status.ok()) {
    say(progress, "build", "building its tables");
    status = wait_for(*instance, absl::Seconds(60), order.words, [](SplitEngine& engine, Member& member) {
      return engine.current(member) ||
             (engine.active() != nullptr && engine.active()->hello.generation.value() == 0);
    });
  }
  if (status.ok()) return instance;
  undo(*instance, "");
  return status;
}

absl::Status SplitSupervisor::shadow(const std::string& instance, const UpgradeOrder& order,
                                     const UpgradeProgressFn& progress) {
  absl::Status status;
  if (order.shadow <= absl::ZeroDuration()) {
    while ((status = aborted(order.words)).ok() && held(order.words)) std::this_thread::sleep_for(kPoll);
    return status;
  }
  const auto with = [&](const std::function<void(Member&)>& act) {
    on_engine_([&](SplitEngine& engine) {
      Member* member = engine.member(instance);
      if (member == nullptr || member->link == nullptr) {
        status = absl::AbortedError("the new engine ended in shadow");
        return;
      }
      act(*member);
    });
  };
  say(progress, "shadow",
      absl::StrCat("deciding beside the active engine for ", absl::FormatDuration(order.shadow)));
  with([&](Member& member) {
    status = member.link->shadow(true);
    member.shadow = status.ok();
  });
  const absl::Time end = steady_time() + order.shadow;
  UpgradeStep step{"shadow", "", 0, {}};
  while (status.ok() && (steady_time() < end || held(order.words))) {
    std::this_thread::sleep_for(kShadowPoll);
    status = aborted(order.words);
    if (!status.ok()) break;
    with([&](Member& member) { step.shadow = member.link->shadow_report(); });
    const auto& all = step.shadow.differences;
    const auto wrong = std::find_if(all.begin(), all.end(), [&](const engine::Difference& one) {
      return !intended(one, order.intended);
    });
    if (wrong == all.end()) continue;
    status =
        absl::AbortedError(absl::StrCat("the versions decide differently (", wrong->kind, "): ", wrong->flow,
                                        ": active: ", wrong->active, "; ", order.to, ": ", wrong->shadow));
  }
  const absl::Status outcome = status;
  with([](Member& member) {
    (void)member.link->shadow(false);
    member.shadow = false;
  });
  step.message = absl::StrCat(step.shadow.first_packets, " first packets and ", step.shadow.sessions,
                              " sessions compared, ", step.shadow.different, " different");
  if (progress) progress(step);
  return outcome;
}

absl::Status SplitSupervisor::take_over(const std::string& instance, const UpgradeProgressFn& progress) {
  absl::Status status = absl::AbortedError("the engine ended before the swap");
  double blackout_us = 0;
  std::string version;
  on_engine_([&](SplitEngine& engine) {
    Member* member = engine.member(instance);
    if (member == nullptr) return;
    version = member->version;
    const auto swapped = engine.swap_to(*member);
    status = swapped.status();
    if (!swapped.ok()) return;
    blackout_us = static_cast<double>(swapped->nanoseconds()) / 1000;
    member->candidate = false;
    member->doomed = false;
    engine.want_version(version);
  });
  if (!status.ok()) return status;
  if (hooks_.remember_version) hooks_.remember_version(version);
  if (progress) progress({"swap", absl::StrCat("engine ", version, " has the queues"), blackout_us, {}});
  return absl::OkStatus();
}

// A short watch: it lives, it is the active one, its workers beat.
absl::Status SplitSupervisor::settle(const std::string& instance) {
  const absl::Time end = steady_time() + kSettle;
  while (steady_time() < end) {
    std::this_thread::sleep_for(kPoll);
    absl::Status status;
    on_engine_([&](SplitEngine& engine) {
      const Member* member = engine.member(instance);
      if (member == nullptr || engine.active() != member) {
        status = absl::AbortedError("the new engine lost the queues while it settled");
        return;
      }
      for (const BeatView& beat : engine.beats()) {
        if (beat.owned && beat.silent_ms > kSilentTooLong)
          status = absl::AbortedError(absl::StrCat(
              "worker ", beat.worker, " of the new engine made no progress for ", beat.silent_ms, " ms"));
      }
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Whatever state it is in: the queues go back to `back_to` when the new engine has them, and it is ended.
void SplitSupervisor::undo(const std::string& instance, const std::string& back_to) {
  on_engine_([&](SplitEngine& engine) {
    Member* member = engine.member(instance);
    if (member == nullptr) return;
    if (engine.active() == member) {
      Member* back = engine.member(back_to);
      if (back == nullptr) back = engine.standby();
      if (back == nullptr || !engine.swap_to(*back).ok()) return;  // a bad engine is better than none
      back->doomed = false;
      engine.want_version(back->version);
    }
    engine.end_member(*member, /*kill=*/true);
  });
}

}  // namespace outrigger::agent
