// The ports process: found or started, listened to, replaced when it dies.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/machine_memory.h"
#include "base/steady_time.h"
#include "dpu/supervise/split_engine.h"

namespace outrigger::agent {

namespace {

using PortsEvent = engine::v1::PortsEvent;

constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr size_t kLastLines = 8;

using Evidence = std::map<std::string, std::string>;

// For how long nobody carried packets, in the record of the change (journal.proto).
Evidence blackout(double milliseconds) { return {{"blackout_ms", absl::StrCat(milliseconds)}}; }

// Since the last sign of life of what failed, until another had the queues.
Evidence blackout(const Event& failure, const PortsEvent& taken_over) {
  const bool at_once = taken_over.milliseconds() > 0;  // else nobody was ready, and it took until now
  const absl::Time end = at_once ? failure.time : absl::Now();
  return blackout(absl::ToDoubleMilliseconds(end - failure.first_sign) + taken_over.milliseconds());
}

}  // namespace

absl::StatusOr<std::unique_ptr<SplitEngine>> SplitEngine::start(SplitOptions options, Events* events,
                                                                DesiredFn desired) {
  std::error_code failure;
  std::filesystem::create_directories(options.programs.runtime, failure);
  if (failure)
    return absl::PermissionDeniedError(
        absl::StrCat("cannot make the folder ", options.programs.runtime, ": ", failure.message()));
  std::unique_ptr<SplitEngine> made(new SplitEngine(std::move(options), events, std::move(desired)));
  if (absl::Status status = made->find_or_start_ports(); !status.ok()) return status;
  if (absl::Status status = made->start_first_engine(); !status.ok()) return status;
  return made;
}

absl::Status SplitEngine::find_or_start_ports() {
  if (connect_ports(absl::ZeroDuration()).ok()) {
    note(Kind::kNote, Phase::kPoint, Severity::kInfo,
         absl::StrCat("found the ports process (pid ", ports_.pid(), ") running, ", status_.engines_size(),
                      " engine(s) attached, ", kept_.size(), " descriptors to keep"));
    return absl::OkStatus();
  }
  auto process = Process::start(ports_command(options_.programs, options_.engine),
                                ports_log(options_.programs), options_.programs.ports_cpus);
  if (!process.ok()) return process.status();
  ports_process_ = *std::move(process);
  return connect_ports(options_.ports_timeout);
}

// Waits for it to listen; zero: it listens now or not.
absl::Status SplitEngine::connect_ports(absl::Duration patience) {
  const absl::Time deadline = steady_time() + patience;
  absl::Status status;
  for (;;) {
    absl::StatusOr<PortsClient> client = PortsClient::connect(ports_socket(options_.programs), kept_);
    if (client.ok()) {
      ports_ = *std::move(client);
      break;
    }
    status = client.status();
    if (patience == absl::ZeroDuration()) return status;
    if (!ports_process_.alive()) {
      return absl::InternalError(absl::StrCat("outrigger-ports ended at start (", ports_process_.how_ended(),
                                              "): ", last_lines(ports_log(options_.programs), kLastLines)));
    }
    if (steady_time() > deadline) {
      ports_process_.signal(SIGKILL);
      return absl::DeadlineExceededError(absl::StrCat("outrigger-ports does not listen after ",
                                                      absl::FormatDuration(patience), ": ",
                                                      std::string(status.message())));
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (ports_process_.pid() != ports_.pid()) {
    auto found = Process::find(ports_.pid());
    if (!found.ok()) return found.status();
    ports_process_ = *std::move(found);
  }
  refresh_status();
  return absl::OkStatus();
}

// The node is of use once one engine is up; what comes later, tend() brings.
absl::Status SplitEngine::start_first_engine() {
  const absl::Time deadline = steady_time() + options_.start_timeout;
  for (;;) {
    tend();
    if (active() != nullptr || standby() != nullptr) return absl::OkStatus();
    if (steady_time() > deadline) break;
    std::this_thread::sleep_for(kPoll);
  }
  std::string why;
  for (const std::string& version : installed_versions(options_.programs)) {
    if (!versions_.usable(version)) absl::StrAppend(&why, "\n  ", version, ": ", versions_.why(version));
  }
  // The agent runs even so: it answers, shows what is wrong, and goes on trying.
  note(Kind::kNote, Phase::kPoint, Severity::kError, absl::StrCat("no engine came up", why));
  return absl::OkStatus();
}

void SplitEngine::refresh_status() {
  absl::StatusOr<engine::v1::PortsStatus> status = ports_.status();
  if (status.ok()) status_ = *std::move(status);
}

void SplitEngine::take_in_events() {
  for (const PortsEvent& event : ports_.events()) take_in(event);
}

void SplitEngine::take_in(const PortsEvent& event) {
  Member* who = nullptr;
  for (const auto& member : members_) {
    if (event.pid() != 0 && member->process.pid() == event.pid()) who = member.get();
  }
  const std::string version = who != nullptr && event.version().empty() ? who->version : event.version();
  const std::string slot = absl::StrCat("slot ", event.slot());
  const std::string engine = absl::StrCat("engine ", version, " (", slot, ", pid ", event.pid(), ")");
  const std::string ms = absl::StrCat(event.milliseconds(), " ms");
  switch (event.kind()) {
    case PortsEvent::STALLED:
    case PortsEvent::CRASHED: {
      if (who != nullptr && who->state == Member::State::kLeaving) return;  // we ended it
      if (who != nullptr && std::exchange(who->told, true)) return;
      if (who == nullptr && told_late(event)) return;
      const bool stalled = event.kind() == PortsEvent::STALLED;
      const std::string why =
          stalled ? absl::StrCat(" made no progress for ", ms, " and is killed") : " crashed";
      failure(stalled ? Kind::kEngineStall : Kind::kEngineCrash, slot, version,
              absl::StrCat(engine, why, event.detail().empty() ? "" : ": ", event.detail()),
              event.milliseconds());
      return;
    }
    case PortsEvent::TAKEN_OVER:
      if (open_.empty())
        return note(Kind::kNote, Phase::kPoint, Severity::kInfo, absl::StrCat(engine, " has the queues"));
      note(open_.back().kind, Phase::kAct, Severity::kWarning,
           absl::StrCat(engine, " has taken over after ", ms), open_.back().subject, absl::InfinitePast(),
           blackout(open_.back(), event));
      versions_.was_active(version);
      return;
    case PortsEvent::ORPHANED:
      note(open_.empty() ? Kind::kEngineCrash : open_.back().kind, Phase::kAct, Severity::kCritical,
           "no engine was ready to take over: packets wait for the next",
           open_.empty() ? slot : open_.back().subject);
      return;
    case PortsEvent::STARVED:
      note(Kind::kNote, Phase::kPoint, Severity::kWarning, absl::StrCat(engine, " got no CPU time for ", ms));
      return;
    case PortsEvent::REPAIRED:
      note(Kind::kNote, Phase::kPoint, Severity::kInfo,
           absl::StrCat(event.count(), " packet buffers recovered"));
      return;
    case PortsEvent::SWAPPED:
      note(Kind::kSwap, Phase::kPoint, Severity::kInfo, absl::StrCat("the queues went to ", engine), "",
           absl::InfinitePast(), blackout(event.milliseconds()));
      return;
    default:  // ATTACHED, GONE: seen by other means; KEEP, RELEASE: done on arrival
      return;
  }
}

// Whether we had buried it already.  What only we saw is on record, but ports looks every millisecond, and
// knows better since when the engine was silent.
bool SplitEngine::told_late(const PortsEvent& event) {
  const auto known =
      std::find_if(buried_.begin(), buried_.end(), [&](const Buried& one) { return one.pid == event.pid(); });
  if (known == buried_.end()) return false;
  const bool better = known->untold && event.milliseconds() > 0;
  buried_.erase(known);
  if (!better) return true;
  const auto same = [subject = absl::StrCat("slot ", event.slot())](const Event& one) {
    return one.subject == subject;
  };
  const auto ours = std::find_if(open_.rbegin(), open_.rend(), same);
  if (ours != open_.rend()) ours->first_sign = ours->time - absl::Milliseconds(event.milliseconds());
  return true;
}

// Sessions live in memory we hold, taps by descriptors we hold: a successor gets both.  Engines of the dead
// one carry packets on until a new engine is ready for the queues (give_queues ends them).
void SplitEngine::replace_ports() {
  if (ports_process_.alive() && connect_ports(absl::ZeroDuration()).ok())
    return;  // only the connection was lost
  if (ports_process_.alive()) return;
  if (steady_time() < start_not_before_) return;
  if (ports_died_ == absl::InfinitePast()) {
    ports_died_ = steady_time();
    note(Kind::kPortsCrash, Phase::kBegin, Severity::kCritical,
         absl::StrCat("outrigger-ports ended (", ports_process_.how_ended(), "); ", kept_.size(),
                      " descriptors are kept for its successor"),
         "ports", wall_time(looked_));
  }
  ports_.close();
  status_.clear_engines();
  for (const auto& member : members_) member->orphan = true;
  // Their huge pages are needed for the new ones.
  if (options_.engine.huge_pages && obtainable_huge_mib() < options_.engine.memory_mib) {
    for (const auto& member : members_) {
      member->process.signal(SIGKILL);
      member->process.wait(absl::Seconds(1));
    }
    note(Kind::kPortsCrash, Phase::kAct, Severity::kWarning,
         "too few huge pages for old and new engines at once: the old ones are ended first", "ports");
  }
  if (absl::Status status = find_or_start_ports(); !status.ok()) {
    start_not_before_ = steady_time() + absl::Seconds(1);
    note(Kind::kPortsCrash, Phase::kAct, Severity::kCritical, std::string(status.message()), "ports");
    return;
  }
  note(Kind::kPortsCrash, Phase::kAct, Severity::kWarning,
       absl::StrCat("a new ports process (pid ", ports_.pid(), ") after ",
                    absl::FormatDuration(steady_time() - ports_died_)),
       "ports");
}

}  // namespace outrigger::agent
