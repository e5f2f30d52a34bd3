#include "dpu/supervise/split_supervisor.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::agent {

namespace {

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

absl::Status SplitSupervisor::nobody_changes() {
  const std::lock_guard lock(changing_);
  if (change_.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("another change of engines is under way: ", change_));
}

absl::Status SplitSupervisor::preflight(const UpgradeOrder& order) {
  if (absl::Status status = nobody_changes(); !status.ok()) return status;
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
    } else {
      layout = active->hello.session_layout;
    }
  });
  if (!status.ok()) return status;
  const absl::StatusOr<EngineDescription> said = describe_engine(programs, order.to);
  if (!said.ok())
    return absl::FailedPreconditionError(absl::StrCat(
        "version ", order.to, " cannot be used: ", std::string(said.status().message()), "; installed are ",
        absl::StrJoin(installed_versions(programs), ", "), " (`outrigger engine list`)"));
  if (said->version != order.to)
    return absl::FailedPreconditionError(absl::StrCat(engine_path(programs, order.to), " says it is version ",
                                                      said->version, ", not ", order.to));
  if (said->session_layout == layout || order.lose_sessions) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "version ", order.to, " keeps sessions in layout ", said->session_layout, ", the active engine in ",
      layout, ": every session would be lost; --lose-sessions goes on all the same"));
}

absl::Status SplitSupervisor::upgrade(const UpgradeOrder& order, const UpgradeProgressFn& progress) {
  auto change = Change::begin(*this, absl::StrCat("to ", order.to, " by ", order.actor));
  if (!change.ok()) return change.status();
  say(progress, "preflight", absl::StrCat("checking version ", order.to));
  if (absl::Status status = check(order); !status.ok()) return status;
  const std::string barred = lift(order.to, progress);
  absl::Status status = change_to(order, progress);
  if (!status.ok() && !barred.empty())
    on_engine_([&](SplitEngine& engine) { engine.versions().bar(order.to, barred); });
  return status;
}

// Asked for by name, a barred version gets another chance; that is said, and on record.
std::string SplitSupervisor::lift(const std::string& version, const UpgradeProgressFn& progress) {
  std::string why;
  on_engine_([&](SplitEngine& engine) { why = engine.versions().lift(version); });
  if (why.empty()) return why;
  const std::string message =
      absl::StrCat("version ", version, " was barred (", why, "): asked for by name, it gets another chance");
  say(progress, "preflight", message);
  told(Severity::kWarning, message);
  return why;
}

absl::Status SplitSupervisor::change_to(const UpgradeOrder& order, const UpgradeProgressFn& progress) {
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
    const bool by_word = absl::IsCancelled(status);
    told(by_word ? Severity::kInfo : Severity::kError,
         absl::StrCat("upgrade to ", order.to, " by ", order.actor,
                      " undone: ", std::string(status.message())));
    return status;
  }
  // The old active one stays as the standby, so that the way back is one swap; older ones go.
  on_engine_([&](SplitEngine& engine) { engine.keep_only(*instance, from); });
  told(Severity::kInfo, absl::StrCat("upgrade from ", from_version, " to ", order.to, " by ", order.actor));
  return absl::OkStatus();
}

void SplitSupervisor::stay_with(const std::string& version) {
  on_engine_([&](SplitEngine& engine) { engine.stay_with(version); });
  if (hooks_.remember_version) hooks_.remember_version(version);
}

absl::StatusOr<SplitSupervisor::WayBack> SplitSupervisor::way_back() {
  absl::StatusOr<WayBack> way = WayBack();
  on_engine_([&](SplitEngine& engine) {
    Member* active = engine.active();
    Member* standby = engine.standby();
    const std::string ways =
        absl::StrCat("`outrigger engine upgrade --to VERSION` changes to one that is installed: ",
                     absl::StrJoin(installed_versions(engine.options().programs), ", "));
    if (active == nullptr || standby == nullptr) {
      way = absl::FailedPreconditionError(
          absl::StrCat("no standby is ready, so there is nothing to go back to; ", ways));
    } else if (active->version == standby->version) {
      way = absl::FailedPreconditionError(absl::StrCat("the standby is of version ", active->version,
                                                       " too, so there is nothing to go back to; ", ways));
    } else if (!engine.current(*standby)) {
      way = absl::FailedPreconditionError(
          "the standby does not have the current generation yet: try again (`outrigger generations` shows "
          "it)");
    } else {
      way = WayBack{standby->instance, active->instance};
    }
  });
  return way;
}

absl::Status SplitSupervisor::may_roll_back() {
  if (absl::Status status = nobody_changes(); !status.ok()) return status;
  return way_back().status();
}

absl::Status SplitSupervisor::rollback(const std::string& actor, const UpgradeProgressFn& progress) {
  auto change = Change::begin(*this, absl::StrCat("rollback by ", actor));
  if (!change.ok()) return change.status();
  const absl::StatusOr<WayBack> way = way_back();
  if (!way.ok()) return way.status();
  if (absl::Status status = take_over(way->to, progress); !status.ok()) return status;
  // What was left is not to take over at the next crash: a second engine of the version in use comes instead.
  on_engine_([&](SplitEngine& engine) {
    if (Member* left = engine.member(way->from)) left->doomed = true;
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
