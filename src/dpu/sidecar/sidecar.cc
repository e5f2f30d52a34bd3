#include "dpu/sidecar/sidecar.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/steady_time.h"

namespace outrigger::agent {

namespace {

constexpr auto kLook = std::chrono::milliseconds(100);  // at its log, and whether it is there
constexpr absl::Duration kSettled = absl::Seconds(2);   // running for so long, it is over the last end

bool ended(const Descriptor& process) {
  pollfd one{process.get(), POLLIN, 0};
  return poll(&one, 1, 0) > 0;
}

void send(const Descriptor& process, int signal) {
  if (process) (void)syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

}  // namespace

Sidecar::Sidecar(const SidecarSettings& settings, std::string name, Events& events)
    : settings_(settings),
      name_(std::move(name)),
      folder_(absl::StrCat(settings.folder, "/", name_)),
      container_(absl::StrCat(settings.prefix, "-", name_)),
      events_(events),
      crun_(settings.crun, absl::StrCat(settings.folder, "/.crun")),
      log_(absl::StrCat(folder_, "/log")),
      cgroup_(settings.cgroups, container_),
      slots_(folder_),
      pause_(settings.first_pause) {
  view_.name = name_;
  view_.state = "stopped";
  thread_ = std::thread([this] { run(); });
}

Sidecar::~Sidecar() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    leave_ = settings_.leave_running;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sidecar::use(const manifest::Service& service) {
  const std::lock_guard lock(mutex_);
  const auto changed = slots_.use(service, settings_.new_version);
  if (!changed.ok()) {
    view_.why = std::string(changed.status().message());
    return tell(Kind::kSidecar, Phase::kPoint, Severity::kError,
                absl::StrCat("cannot be set up: ", view_.why));
  }
  change_ = change_ || *changed;
  wanted_ = true;
  wake_.notify_all();
}

absl::Status Sidecar::change(const std::function<absl::Status()>& slots, const std::string& words) {
  const std::string before = slots_.current();
  if (absl::Status status = slots(); !status.ok()) return status;
  if (slots_.current() == before) return absl::OkStatus();
  tell(Kind::kSidecar, Phase::kPoint, Severity::kInfo, absl::StrCat(words, slots_.current()));
  view_.state = "starting";
  view_.why.clear();
  change_ = true;
  wake_.notify_all();
  return absl::OkStatus();
}

absl::Status Sidecar::use_version(const std::string& version) {
  const std::lock_guard lock(mutex_);
  return change([&] { return slots_.use_version(version); }, "to version ");
}

absl::Status Sidecar::use_previous() {
  const std::lock_guard lock(mutex_);
  return change([&] { return slots_.use_previous(); }, "back to version ");
}

absl::StatusOr<BundleInfo> Sidecar::find(const std::string& version) const {
  const std::lock_guard lock(mutex_);
  return slots_.find(version);
}

void Sidecar::dismiss() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    leave_ = false;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

SidecarView Sidecar::view() const {
  const std::lock_guard lock(mutex_);
  SidecarView out = view_;
  out.version = slots_.current();
  out.previous = slots_.previous();
  out.waiting = slots_.waiting();
  out.runs = process_ ? info_.version : "";
  return out;
}

absl::StatusOr<int> Sidecar::exec(const std::vector<std::string>& command, absl::Duration timeout) const {
  {
    const std::lock_guard lock(mutex_);
    if (view_.state != "running") return absl::UnavailableError("it does not run");
  }
  return crun_.exec(container_, command, timeout);
}

void Sidecar::run() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stop_ || wanted_; });  // what lies on disk may be wanted no more
  while (!stop_) {
    if (!slots_.current().empty()) {
      live_once(lock);
    } else {  // it could not be set up
      wake_.wait(lock, [this] { return interrupted(); });
      change_ = false;
    }
  }
  if (!leave_) end_it(lock);
  view_.state = "stopped";
}

// From start to end of its process.
void Sidecar::live_once(std::unique_lock<std::mutex>& lock) {
  const bool first = !process_ && !change_ && view_.restarts == 0;
  if (!(first && take_up())) {
    change_ = false;
    view_.state = "starting";
    const std::string bundle = slots_.bundle();
    lock.unlock();
    const absl::Status status = start(bundle);
    lock.lock();
    if (!status.ok()) {
      view_.why = std::string(status.message());
      const std::string words = log_.last_words();
      if (!words.empty()) absl::StrAppend(&view_.why, ": ", words);
      if (!incident_)
        tell(Kind::kSidecar, Phase::kBegin, Severity::kError, absl::StrCat("does not start: ", view_.why));
      incident_ = true;
      return pause(lock);
    }
    view_.state = "running";
    view_.why.clear();
    tell(Kind::kSidecar, incident_ ? Phase::kAct : Phase::kPoint, Severity::kInfo,
         absl::StrCat("version ", info_.version, " started, pid ", view_.pid));
  }
  watch(lock);
  if (interrupted()) {
    if (change_) end_it(lock);
    pause_ = settings_.first_pause;
    return;
  }
  read_log();
  view_.pid = 0;
  process_.reset();
  view_.why = absl::StrCat("it ended after ", absl::FormatDuration(steady_time() - started_));
  const std::string words = log_.last_words();
  if (!words.empty()) absl::StrAppend(&view_.why, "; its last words: ", words);
  tell(Kind::kSidecar, incident_ ? Phase::kAct : Phase::kBegin, Severity::kError, view_.why);
  incident_ = true;
  pause(lock);
}

absl::Status Sidecar::start(const std::string& bundle) {
  const auto info = read_bundle(bundle);
  if (!info.ok()) return info.status();
  (void)crun_.remove(container_);  // what an earlier life left
  LimitsReport limits = cgroup_.make(info->limits);
  const Descriptor log = log_.writer();
  if (!log) return absl::UnavailableError("its log cannot be opened");
  const auto pid = crun_.create(container_, bundle, log.get());
  if (!pid.ok()) return pid.status();
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  // Its limits hold before its first instruction: it waits to be let go.
  absl::Status status = process ? cgroup_.enter(*pid) : absl::UnavailableError("it ended before it began");
  if (status.ok()) status = crun_.start(container_);
  if (!status.ok()) {
    (void)crun_.remove(container_);
    return status;
  }
  const std::lock_guard lock(mutex_);
  info_ = *info;
  view_.enforced = std::move(limits.enforced);
  view_.not_enforced = std::move(limits.not_enforced);
  view_.pid = *pid;
  process_ = std::move(process);
  started_ = steady_time();
  if (!view_.not_enforced.empty())
    tell(Kind::kNote, Phase::kPoint, Severity::kWarning,
         absl::StrCat("limits that this node cannot enforce: ", absl::StrJoin(view_.not_enforced, "; ")));
  return absl::OkStatus();
}

// A process of this very bundle that an earlier agent left running.
bool Sidecar::take_up() {
  auto info = read_bundle(slots_.bundle());
  const auto pid = crun_.pid_of(container_, slots_.bundle());
  if (!info.ok() || !pid.ok()) return false;
  process_.reset(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  if (!process_ || ended(process_)) {
    process_.reset();
    return false;
  }
  info_ = *std::move(info);
  LimitsReport limits = cgroup_.make(info_.limits);
  view_.enforced = std::move(limits.enforced);
  view_.not_enforced = std::move(limits.not_enforced);
  view_.pid = *pid;
  view_.state = "running";
  started_ = steady_time();
  tell(Kind::kSidecar, Phase::kPoint, Severity::kInfo, absl::StrCat("taken up again, pid ", *pid));
  return true;
}

void Sidecar::watch(std::unique_lock<std::mutex>& lock) {
  while (!interrupted() && !ended(process_)) {
    read_log();
    if (incident_ && steady_time() - started_ > kSettled) {
      incident_ = false;
      tell(Kind::kSidecar, Phase::kEnd, Severity::kInfo, "runs again");
    }
    if (steady_time() - started_ > 2 * settings_.longest_pause) pause_ = settings_.first_pause;
    wake_.wait_for(lock, kLook, [this] { return interrupted(); });
  }
}

// Asked first, then made to; nothing of it stays.
void Sidecar::end_it(std::unique_lock<std::mutex>& lock) {
  if (slots_.current().empty()) return;  // it never was
  view_.state = "stopping";
  lock.unlock();
  if (process_) {
    send(process_, SIGTERM);
    pollfd one{process_.get(), POLLIN, 0};
    (void)poll(&one, 1, static_cast<int>(absl::ToInt64Milliseconds(settings_.grace)));
  }
  const absl::Status removed = crun_.remove(container_);
  cgroup_.remove();
  lock.lock();
  read_log();
  process_.reset();
  view_.pid = 0;
  view_.state = "stopped";
  tell(Kind::kSidecar, incident_ && stop_ ? Phase::kEnd : Phase::kPoint,
       removed.ok() ? Severity::kInfo : Severity::kError,
       removed.ok() ? "stopped" : absl::StrCat("cannot be removed: ", removed.message()));
}

void Sidecar::pause(std::unique_lock<std::mutex>& lock) {
  view_.state = "waiting";
  wake_.wait_for(lock, absl::ToChronoNanoseconds(pause_), [this] { return interrupted(); });
  pause_ = std::min(2 * pause_, settings_.longest_pause);
  if (!stop_) ++view_.restarts;
}

void Sidecar::read_log() {
  for (std::string& line : log_.lines()) tell(Kind::kNote, Phase::kPoint, Severity::kInfo, std::move(line));
}

void Sidecar::tell(Kind kind, Phase phase, Severity severity, std::string message) {
  Event event;
  event.kind = kind;
  event.phase = phase;
  event.severity = severity;
  event.service = name_;
  event.version = info_.version.empty() ? slots_.current() : info_.version;
  event.message = kind == Kind::kNote ? std::move(message) : absl::StrCat("sidecar ", name_, ": ", message);
  if (kind != Kind::kNote) event.subject = absl::StrCat("sidecar ", name_);
  if (!info_.owner.empty()) event.evidence["owner"] = info_.owner;
  events_.record(std::move(event));
}

}  // namespace outrigger::agent
