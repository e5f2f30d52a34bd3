#include "dpu/supervise/split_engine.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::agent {

namespace {

constexpr unsigned kHelloEvery = 10;  // steps

bool whole(const engine::v1::Update& update) { return update.has_structure() && update.policy().replace(); }

bool same(const engine::RemoteHello& has, uint64_t generation, uint64_t digest) {
  return has.generation.value() == generation && has.digest == digest;
}

}  // namespace

SplitEngine::SplitEngine(SplitOptions options, Events* events, DesiredFn desired)
    : options_(std::move(options)),
      events_(events),
      desired_(std::move(desired)),
      versions_(options_.bar),
      wanted_(options_.version) {
  versions_.restore(options_.book);
  kept_book_ = versions_.text();
}

SplitEngine::~SplitEngine() = default;

bool SplitEngine::is_active(const Member& member) const {
  if (member.state == Member::State::kStarting || member.orphan) return false;
  for (const auto& engine : status_.engines()) {
    if (engine.active() && engine.pid() == member.process.pid()) return true;
  }
  return false;
}

Member* SplitEngine::active() {
  for (const auto& member : members_) {
    if (is_active(*member) && member->link != nullptr) return member.get();
  }
  return nullptr;
}

Member* SplitEngine::standby() {
  for (const auto& member : members_) {
    if (member->state == Member::State::kUp && !is_active(*member) && !member->doomed && !member->candidate &&
        !member->orphan && !member->told) {
      return member.get();
    }
  }
  return nullptr;
}

// Who answers: before the first configuration nobody is active.
Member* SplitEngine::lead() {
  Member* first = active();
  return first != nullptr ? first : standby();
}

Member* SplitEngine::member(const std::string& instance) {
  for (const auto& member : members_) {
    if (member->instance == instance) return member.get();
  }
  return nullptr;
}

bool SplitEngine::current(const Member& member) const {
  return member.state == Member::State::kUp &&
         same(member.hello, desired_generation_.value(), desired_digest_);
}

std::string SplitEngine::name_of(const Member& member) const {
  return absl::StrCat("engine ", member.version, " (slot ", member.hello.slot, ", pid ", member.process.pid(),
                      ")");
}

// The engine's own word for what it has applied; nothing else counts.
void SplitEngine::note_hello(Member& member) {
  if (member.link == nullptr) return;
  const absl::StatusOr<engine::RemoteHello> hello = member.link->hello();
  if (hello.ok()) member.hello = *hello;
}

absl::Status SplitEngine::apply_to(Member& member, std::string_view update) {
  const absl::Status status = member.link->apply(update).status();
  note_hello(member);
  member.error = std::string(status.message());
  return status;
}

absl::StatusOr<Epoch> SplitEngine::apply(std::string_view bytes) {
  engine::v1::Update update;
  if (!update.ParseFromString(std::string(bytes))) return absl::InvalidArgumentError("no update");
  Member* first = lead();
  if (first == nullptr)
    return absl::UnavailableError("no engine is ready; `outrigger engine list` says what became of them");
  const engine::RemoteHello before = first->hello;
  if (whole(update) && update.generation() > 0 && same(before, update.generation(), update.digest()))
    return before.epoch;  // unchanged configuration is not applied again
  if (absl::Status status = apply_to(*first, bytes); !status.ok()) return status;
  for (const auto& other : members_) {
    if (other.get() == first || other->state != Member::State::kUp || other->doomed || other->orphan)
      continue;
    // Who has missed something gets the whole of it in tend().
    if (!whole(update) && !same(other->hello, before.generation.value(), before.digest)) continue;
    const absl::Status status = apply_to(*other, bytes);
    if (status.ok()) continue;
    note(Kind::kNote, Phase::kPoint, Severity::kWarning,
         absl::StrCat(name_of(*other), " could not apply generation ", update.generation(), ": ",
                      std::string(status.message()), "; it is started again"));
    end_member(*other, /*kill=*/true);
  }
  return first->hello.epoch;
}

absl::StatusOr<engine::Explanation> SplitEngine::explain(std::span<const uint8_t> frame, PortId port,
                                                         TunnelId tunnel) {
  Member* first = lead();
  if (first == nullptr) return absl::UnavailableError("no engine is ready");
  return first->link->explain(frame, port, tunnel);
}

engine::Figures SplitEngine::figures() {
  Member* first = lead();
  return first == nullptr ? engine::Figures{} : first->link->figures();
}

std::vector<engine::Session> SplitEngine::sessions(size_t limit) {
  Member* first = lead();
  return first == nullptr ? std::vector<engine::Session>{} : first->link->sessions(limit);
}

absl::StatusOr<engine::Echo> SplitEngine::probe(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                                                unsigned timeout_ms) {
  Member* first = lead();
  if (first == nullptr) return absl::UnavailableError("no engine is ready");
  return first->link->probe(port, frame, mark, timeout_ms);
}

void SplitEngine::tend() {
  ++ticks_;
  if (!ports_.connected() || !ports_process_.alive()) replace_ports();
  take_in_events();
  refresh_status();
  bury();
  adopt();
  meet();
  give_state();
  give_queues();
  start_missing();
  end_surplus();
  keep_book();
  if (ticks_ % kHelloEvery == 0) {
    for (const auto& member : members_) note_hello(*member);
  }
}

absl::StatusOr<engine::v1::SwapReply> SplitEngine::swap_to(Member& to) {
  auto reply = ports_.swap(to.hello.slot);
  refresh_status();
  if (reply.ok()) versions_.was_active(to.version);
  return reply;
}

void SplitEngine::end_member(Member& member, bool kill) {
  if (!kill && member.link != nullptr && member.state == Member::State::kUp) (void)member.link->end();
  if (kill || member.link == nullptr) member.process.signal(SIGKILL);
  member.state = Member::State::kLeaving;
  member.not_before = steady_time() + absl::Seconds(2);
  member.link.reset();
}

void SplitEngine::note(Kind kind, Phase phase, Severity severity, const std::string& message,
                       const std::string& subject, absl::Time first_sign,
                       std::map<std::string, std::string> evidence) const {
  if (events_ == nullptr) return;
  Event event;
  event.kind = kind;
  event.phase = phase;
  event.severity = severity;
  event.service = kind == Kind::kPortsCrash ? "ports" : "engine";
  event.subject = subject;
  event.message = message;
  event.first_sign = first_sign;
  event.evidence = std::move(evidence);
  events_->record(std::move(event));
}

}  // namespace outrigger::agent
