// Engines as they come, fail and go.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/supervise/split_engine.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kRetryState = absl::Seconds(5);
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
constexpr absl::Duration kLongestPause = absl::Seconds(30);
constexpr size_t kKeepers = 2;  // an active engine and a standby
constexpr size_t kLastLines = 5;
constexpr unsigned kHungStarts = 2;  // in a row
constexpr unsigned kSayEvery = 50;   // steps
constexpr size_t kLateWords = 8;     // of ports, about who is buried already
const engine::RemoteEngine::Timeouts kTimeouts{std::chrono::milliseconds(1000),
                                               std::chrono::milliseconds(60000)};

absl::Duration pause_after(unsigned failures) {
  return failures == 0 ? absl::ZeroDuration()
                       : std::min(kLongestPause, kFirstPause * (1 << std::min(failures - 1, 10u)));
}

}  // namespace

absl::StatusOr<std::string> SplitEngine::start_member(const std::string& version, bool candidate) {
  const absl::StatusOr<EngineDescription> said = describe_engine(options_.programs, version);
  if (!said.ok()) return said.status();
  auto made = std::make_unique<Member>();
  made->instance =
      absl::StrCat("engine-", absl::Hex(static_cast<uint64_t>(absl::ToUnixSeconds(absl::Now())) & 0xffffff),
                   "-", next_instance_++);
  made->version = version;
  made->candidate = candidate;
  made->started_at = steady_time();
  auto process = Process::start(engine_command(options_.programs, version, made->instance),
                                log_of(options_.programs, made->instance), options_.programs.engine_cpus);
  if (!process.ok()) return process.status();
  made->process = *std::move(process);
  members_.push_back(std::move(made));
  return members_.back()->instance;
}

// Engines that an agent before us started.
void SplitEngine::adopt() {
  for (const auto& engine : status_.engines()) {
    const auto known = [&](const auto& member) { return member->process.pid() == engine.pid(); };
    if (std::any_of(members_.begin(), members_.end(), known)) continue;
    auto process = Process::find(engine.pid());
    if (!process.ok() || !process->alive()) continue;  // ports has not noticed yet
    auto found = std::make_unique<Member>();
    found->instance = engine.instance();
    found->version = engine.version();
    found->process = *std::move(process);
    found->started_at = steady_time() - absl::Seconds(engine.attached_for());
    members_.push_back(std::move(found));
    meet(*members_.back());
  }
}

void SplitEngine::meet() {
  for (const auto& member : members_) {
    const bool lost =
        member->state == Member::State::kUp && (member->link == nullptr || !member->link->connected());
    if (member->state == Member::State::kStarting || lost) meet(*member);
    const bool leaves = member->state == Member::State::kLeaving && steady_time() > member->not_before;
    if (leaves) member->process.signal(SIGKILL);
    const bool late = steady_time() - member->started_at > options_.start_timeout;
    if (member->state == Member::State::kStarting && late && member->error.empty()) hangs(*member);
  }
}

// A version that has come up before does not hang by itself: an engine killed in its own start may have left
// a lock of DPDK's shared memory taken.  Only a new ports process has new memory.
void SplitEngine::hangs(Member& member) {
  member.error = absl::StrCat("hangs: not ready within ", absl::FormatDuration(options_.start_timeout));
  member.process.signal(SIGKILL);
  if (!versions_.has_come_up(member.version) || ++hung_starts_ < kHungStarts) return;
  hung_starts_ = 0;
  note(Kind::kNote, Phase::kPoint, Severity::kError,
       "engines that started before hang in their start: the ports process is replaced, with its memory");
  ports_process_.signal(SIGKILL);
}

void SplitEngine::meet(Member& member) {
  auto link = engine::RemoteEngine::connect(control_socket(options_.programs, member.instance), kTimeouts);
  if (!link.ok()) return;
  const absl::StatusOr<engine::RemoteHello> hello = (*link)->hello();
  if (!hello.ok()) return;
  member.link = *std::move(link);
  member.hello = *hello;
  if (member.state == Member::State::kStarting) came_up(member);
}

void SplitEngine::came_up(Member& member) {
  member.state = Member::State::kUp;
  versions_.came_up(member.version);
  if (is_active(member)) versions_.was_active(member.version);
  failed_starts_ = hung_starts_ = 0;
  note(Kind::kNote, Phase::kPoint, Severity::kInfo, absl::StrCat(name_of(member), " is up"));
}

// Failures end when there is an engine to take over again.
void SplitEngine::give_state() {
  const std::optional<Desired> desired = desired_();
  if (!desired) return;
  desired_generation_ = desired->generation;
  desired_digest_ = desired->digest;
  for (const auto& member : members_) {
    if (member->state != Member::State::kUp || member->doomed || member->orphan || member->link == nullptr)
      continue;
    const bool nothing_yet = desired->generation.value() == 0 && member->hello.generation.value() == 0;
    if (nothing_yet || current(*member) || steady_time() < member->not_before) continue;
    give_state(*member, *desired);
  }
  const Member* waiting = standby();
  if (open_.empty() || waiting == nullptr || active() == nullptr) return;
  for (Event& event : open_) {
    event.phase = Phase::kEnd;
    event.severity = Severity::kInfo;
    event.time = absl::Now();
    event.message = absl::StrCat("recovered: ", name_of(*waiting), " stands by");
    if (events_ != nullptr) events_->record(std::move(event));
  }
  open_.clear();
}

void SplitEngine::give_state(Member& member, const Desired& desired) {
  const absl::Time began = steady_time();
  const absl::Status status = apply_to(member, desired.whole());
  if (status.ok()) {
    note(Kind::kNote, Phase::kPoint, Severity::kInfo,
         absl::StrCat(name_of(member), " has generation ", desired.generation.value(), " after ",
                      absl::FormatDuration(steady_time() - began)));
    return;
  }
  member.not_before = steady_time() + kRetryState;
  note(Kind::kNote, Phase::kPoint, Severity::kWarning,
       absl::StrCat(name_of(member), " cannot apply generation ", desired.generation.value(), ": ",
                    std::string(status.message())));
}

// Ports gives queues to an engine that asks for its ports when nobody has them, and to a standby after a
// crash.  What is left to us: engines of a ports process that died have them until the new ones are ready.
void SplitEngine::give_queues() {
  if (!ports_.connected() || desired_generation_.value() == 0) return;
  const auto orphaned = [](const auto& member) { return member->orphan; };
  for (const auto& engine : status_.engines()) {
    const auto it = std::find_if(members_.begin(), members_.end(),
                                 [&](const auto& member) { return member->process.pid() == engine.pid(); });
    if (engine.active() && (it == members_.end() || !orphaned(*it))) return packets_move();
  }
  const auto heir = std::find_if(members_.begin(), members_.end(), [&](const auto& member) {
    return current(*member) && !member->doomed && !member->orphan && !member->candidate;
  });
  if (heir == members_.end()) return;
  auto swapped = swap_to(**heir);
  if (!swapped.ok() && std::any_of(members_.begin(), members_.end(), orphaned)) {
    for (const auto& old : members_) {  // two must never touch the same queues: confirmed dead first
      if (!old->orphan) continue;
      old->process.signal(SIGKILL);
      old->process.wait(absl::Seconds(1));
    }
    swapped = swap_to(**heir);
  }
  if (swapped.ok()) return packets_move();
  if (ticks_ % kSayEvery == 0)
    note(Kind::kNote, Phase::kPoint, Severity::kError,
         absl::StrCat(name_of(**heir),
                      " cannot be given the queues: ", std::string(swapped.status().message())));
}

void SplitEngine::packets_move() {
  for (const auto& member : members_) {
    if (member->orphan && member->state != Member::State::kLeaving) end_member(*member, /*kill=*/false);
  }
  if (ports_died_ == absl::InfinitePast()) return;
  note(Kind::kPortsCrash, Phase::kEnd, Severity::kInfo,
       absl::StrCat("new engines have the queues ", absl::FormatDuration(steady_time() - ports_died_),
                    " after outrigger-ports ended"),
       "ports");
  ports_died_ = absl::InfinitePast();
}

void SplitEngine::start_missing() {
  if (changing_ || !ports_.connected() || steady_time() < start_not_before_) return;
  size_t keepers = 0;
  for (const auto& member : members_) {
    if (member->state == Member::State::kStarting) return;  // one at a time
    keepers +=
        member->state == Member::State::kUp && !member->doomed && !member->candidate && !member->orphan;
  }
  if (keepers >= kKeepers) return;
  const std::string version = versions_.pick(installed_versions(options_.programs), wanted_);
  absl::Status status =
      absl::NotFoundError(absl::StrCat("no engine is installed in ", options_.programs.engines));
  if (!version.empty()) {
    status = start_member(version, /*candidate=*/false).status();
    if (!status.ok()) versions_.unusable(version, std::string(status.message()));
  }
  if (status.ok()) return;
  start_not_before_ = steady_time() + pause_after(++failed_starts_);
  note(Kind::kNote, Phase::kPoint, Severity::kError,
       absl::StrCat("no engine can be started: ", std::string(status.message())));
}

void SplitEngine::end_surplus() {
  if (changing_) return;
  size_t up = 0;
  for (const auto& member : members_)
    up += member->state == Member::State::kUp && !member->doomed && !member->orphan && !member->candidate;
  for (const auto& member : members_) {
    if (member->state != Member::State::kUp || is_active(*member)) continue;
    const bool surplus = up > kKeepers && !member->doomed && !member->candidate;
    if (!surplus && !(member->doomed && up >= kKeepers) && !member->candidate) continue;
    up -= surplus;
    end_member(*member, /*kill=*/false);
  }
}

void SplitEngine::stay_with(const std::string& version) {
  wanted_ = version;
  for (const auto& member : members_) member->doomed = member->doomed || member->version != version;
}

void SplitEngine::keep_only(const std::string& one, const std::string& other) {
  for (const auto& member : members_) {
    const bool stays = member->instance == one || member->instance == other || is_active(*member);
    if (!stays && member->state != Member::State::kLeaving) end_member(*member, /*kill=*/false);
  }
}

void SplitEngine::keep_book() {
  std::string now = versions_.text();
  if (now == kept_book_) return;
  kept_book_ = std::move(now);
  if (options_.keep_book) options_.keep_book(kept_book_);
}

std::string SplitEngine::why_ended(Member& member) const {
  std::string why = member.error.empty() ? member.process.how_ended() : member.error;
  const std::string words = last_lines(log_of(options_.programs, member.instance), kLastLines);
  return words.empty() ? why : absl::StrCat(why, "; its last words: ", words);
}

void SplitEngine::bury() {
  for (const auto& member : members_) {
    if (!member->process.alive()) buried(*member);
  }
  std::erase_if(members_, [](const auto& member) { return !member->process.alive(); });
  looked_ = steady_time();
}

void SplitEngine::buried(Member& member) {
  const std::string log = log_of(options_.programs, member.instance);
  const bool untold = member.state == Member::State::kUp && !member.told && !member.orphan;
  if (member.state == Member::State::kStarting && !member.candidate) {
    const std::string why = why_ended(member);
    if (!versions_.has_come_up(member.version)) versions_.unusable(member.version, why);
    start_not_before_ = steady_time() + pause_after(++failed_starts_);
    failure(Kind::kEngineCrash, absl::StrCat("start of ", member.version), member.version,
            absl::StrCat("engine ", member.version, " does not start: ", why), 0);
  } else if (untold) {
    failure(Kind::kEngineCrash, absl::StrCat("slot ", member.hello.slot), member.version,
            absl::StrCat(name_of(member), " ended: ", why_ended(member)), 0);
  }
  buried_.push_back({member.process.pid(), untold});
  if (buried_.size() > kLateWords) buried_.erase(buried_.begin());
  // The last log of a version stays for whoever looks; its sockets do not.
  (void)std::rename(log.c_str(),
                    absl::StrCat(options_.programs.runtime, "/last-", member.version, ".log").c_str());
  (void)unlink(control_socket(options_.programs, member.instance).c_str());
}

void SplitEngine::failure(Kind kind, const std::string& subject, const std::string& version,
                          const std::string& message, double milliseconds) {
  Event event;
  event.kind = kind;
  event.phase = Phase::kBegin;
  event.severity = Severity::kError;
  event.service = "engine";
  event.subject = subject;
  event.message = message;
  event.version = version;
  const absl::Duration ago =
      milliseconds > 0 ? absl::Milliseconds(milliseconds) : steady_time() - looked_;  // then it lived
  event.first_sign = event.time - ago;
  open_.push_back(event);
  if (events_ != nullptr) events_->record(std::move(event));
  if (!versions_.failed(version, message, steady_time())) return;
  note(kind, Phase::kAct, Severity::kError,
       absl::StrCat("version ", version, " is barred: ", versions_.why(version)), subject);
}

}  // namespace outrigger::agent
