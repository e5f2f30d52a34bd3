#include "dpu/supervise/split_supervisor.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"

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

}  // namespace

class SplitSupervisor::Change {
 public:
  static absl::StatusOr<std::unique_ptr<Change>> begin(SplitSupervisor& owner, const std::string& what) {
    const std::lock_guard lock(owner.changing_);
    if (!owner.change_.empty())
      return absl::FailedPreconditionError(
          absl::StrCat("another change of engines is under way: ", owner.change_));
    owner.change_ = what;
    auto change = std::make_unique<Change>(owner);
    return change;
  }
  explicit Change(SplitSupervisor& owner) : owner_(owner) {
    owner_.on_engine_([](SplitEngine& engine) { engine.set_changing(true); });
  }
  ~Change() {
    owner_.on_engine_([](SplitEngine& engine) { engine.set_changing(false); });
    const std::lock_guard lock(owner_.changing_);
    owner_.change_.clear();
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

 private:
  SplitSupervisor& owner_;
};

std::vector<EngineView> SplitSupervisor::engines() {
  std::vector<EngineView> all;
  on_engine_([&](SplitEngine& engine) { all = engine.views(); });
  return all;
}

EngineView SplitSupervisor::ports() {
  EngineView view;
  on_engine_([&](SplitEngine& engine) { view = engine.ports_view(); });
  return view;
}

std::vector<BeatView> SplitSupervisor::beats() {
  std::vector<BeatView> all;
  on_engine_([&](SplitEngine& engine) { all = engine.beats(); });
  return all;
}

std::string SplitSupervisor::active_version() {
  std::string version;
  on_engine_([&](SplitEngine& engine) {
    if (const Member* active = engine.active()) version = active->version;
  });
  return version;
}

std::vector<SplitEngine::Consumer> SplitSupervisor::consumers() {
  std::vector<SplitEngine::Consumer> all;
  on_engine_([&](SplitEngine& engine) { all = engine.consumers(); });
  return all;
}

absl::Status SplitSupervisor::preflight(const UpgradeOrder& order) {
  {
    const std::lock_guard lock(changing_);
    if (!change_.empty())
      return absl::FailedPreconditionError(absl::StrCat("another change of engines is under way: ", change_));
  }
  return check(order);
}

absl::Status SplitSupervisor::check(const UpgradeOrder& order) {
  if (hooks_.fallback_in_force && hooks_.fallback_in_force())
    return absl::FailedPreconditionError(
        "a fallback is in force: end it first (`outrigger health` shows which)");
  if (order.to.empty() || order.to.find('/') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("\"", order.to, "\" is no version"));
  absl::Status status;
  Programs programs;
  uint32_t layout = 0;
  on_engine_([&](SplitEngine& engine) {
    programs = engine.options().programs;
    const Member* active = engine.active();
    if (active == nullptr) {
      status = absl::FailedPreconditionError("no engine is active: there is nothing to upgrade from");
    } else if (active->version == order.to) {
      status = absl::FailedPreconditionError(absl::StrCat("version ", order.to, " is active already"));
    } else if (engine.versions().barred(order.to)) {
      status = absl::FailedPreconditionError(
          absl::StrCat("version ", order.to, " is barred: ", engine.versions().why(order.to)));
    } else {
      layout = active->hello.session_layout;
    }
  });
  if (!status.ok()) return status;
  const absl::StatusOr<EngineDescription> said = describe_engine(programs, order.to);
  if (!said.ok())
    return absl::FailedPreconditionError(
        absl::StrCat("version ", order.to, " cannot be used: ", std::string(said.status().message())));
  if (said->version != order.to)
    return absl::FailedPreconditionError(absl::StrCat(engine_path(programs, order.to), " says it is version ",
                                                      said->version, ", not ", order.to));
  if (said->session_layout == layout || order.lose_sessions) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "version ", order.to, " keeps sessions in layout ", said->session_layout, ", the active engine in ",
      layout, ": every session would be lost; --lose-sessions goes on all the same"));
}

absl::Status SplitSupervisor::wait_for(const std::string& instance, absl::Duration patience,
                                       const std::function<bool(SplitEngine&, Member&)>& ready) {
  const absl::Time deadline = steady_time() + patience;
  for (;;) {
    bool done = false;
    absl::Status status;
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
    engine.versions().lift(order.to);
    patience = engine.options().start_timeout;
    instance = engine.start_member(order.to, /*candidate=*/true);
  });
  if (!instance.ok()) return instance;
  absl::Status status = wait_for(*instance, patience + absl::Seconds(1), [](SplitEngine&, Member& member) {
    return member.state == Member::State::kUp;
  });
  if (status.ok()) {
    say(progress, "build", "building its tables");
    status = wait_for(*instance, absl::Seconds(60), [](SplitEngine& engine, Member& member) {
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
  if (order.shadow <= absl::ZeroDuration()) return absl::OkStatus();
  absl::Status status;
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
  while (status.ok() && steady_time() < end) {
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(
        kShadowPoll, absl::ToChronoNanoseconds(std::max(absl::ZeroDuration(), end - steady_time()))));
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

absl::Status SplitSupervisor::upgrade(const UpgradeOrder& order, const UpgradeProgressFn& progress) {
  auto change = Change::begin(*this, absl::StrCat("to ", order.to, " by ", order.actor));
  if (!change.ok()) return change.status();
  say(progress, "preflight", absl::StrCat("checking version ", order.to));
  if (absl::Status status = check(order); !status.ok()) return status;
  std::string from;
  std::string from_version;
  on_engine_([&](SplitEngine& engine) {
    if (const Member* active = engine.active()) {
      from = active->instance;
      from_version = active->version;
    }
  });
  absl::StatusOr<std::string> instance = bring_up(order, progress);
  absl::Status status = instance.status();
  if (status.ok()) status = shadow(*instance, order, progress);
  if (status.ok()) status = take_over(*instance, progress);
  if (status.ok()) {
    say(progress, "settle", "watching it");
    status = settle(*instance);
  }
  if (!status.ok()) {
    if (instance.ok()) undo(*instance, from);
    if (hooks_.remember_version) hooks_.remember_version(from_version);
    told(Severity::kError, absl::StrCat("upgrade to ", order.to, " by ", order.actor,
                                        " undone: ", std::string(status.message())));
    return status;
  }
  // The old active one stays as the standby, so that the way back is one swap; older ones go.
  on_engine_([&](SplitEngine& engine) { engine.keep_only(*instance, from); });
  told(Severity::kInfo, absl::StrCat("upgrade from ", from_version, " to ", order.to, " by ", order.actor));
  return absl::OkStatus();
}

absl::Status SplitSupervisor::rollback(const std::string& actor, const UpgradeProgressFn& progress) {
  auto change = Change::begin(*this, absl::StrCat("rollback by ", actor));
  if (!change.ok()) return change.status();
  std::string instance;
  std::string bad;
  absl::Status status;
  on_engine_([&](SplitEngine& engine) {
    Member* active = engine.active();
    Member* standby = engine.standby();
    if (active == nullptr || standby == nullptr) {
      status = absl::FailedPreconditionError("no standby is ready: there is nothing to go back to");
    } else if (active->version == standby->version) {
      status = absl::FailedPreconditionError(absl::StrCat("the standby is of version ", active->version,
                                                          " too: there is nothing to go back to"));
    } else if (!engine.current(*standby)) {
      status = absl::FailedPreconditionError("the standby does not have the current generation yet");
    } else {
      instance = standby->instance;
      bad = active->instance;
    }
  });
  if (status.ok()) status = take_over(instance, progress);
  if (!status.ok()) return status;
  // What was left is not to take over at the next crash: a second engine of the version in use comes instead.
  on_engine_([&](SplitEngine& engine) {
    if (Member* left = engine.member(bad)) left->doomed = true;
  });
  told(Severity::kWarning, absl::StrCat("rolled back by ", actor));
  return absl::OkStatus();
}

void SplitSupervisor::told(Severity severity, const std::string& message) const {
  if (events_ == nullptr) return;
  Event event;
  event.kind = Kind::kSwap;
  event.severity = severity;
  event.service = "engine";
  event.message = message;
  events_->record(std::move(event));
}

}  // namespace outrigger::agent
