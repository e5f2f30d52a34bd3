#include "dpu/rollout/rollouts.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "dpu/rollout/running.h"
#include "dpu/writes.h"

namespace outrigger::agent {

namespace {

constexpr const char* kTopic = "rollout";
constexpr const char* kOrders = "rollout-order";
constexpr const char* kGood = "good-versions";
constexpr const char* kAnswers = "rollout-answer";
constexpr uint32_t kDefaultLimit = 50;
constexpr double kLongestAnalyse = 900;  // seconds; what is measured is kept for twice as long

template <typename Message>
std::string text_of(const Message& message) {
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text);
  return text;
}

uint64_t number_of(const std::string& id) {
  uint64_t number = 0;
  return absl::StartsWith(id, "ro-") && absl::SimpleAtoi(id.substr(3), &number) ? number : 0;
}

absl::Status check(const v1::StartRolloutRequest& request) {
  if (request.to().empty()) return absl::InvalidArgumentError("to: a version is missing");
  for (const double seconds : {request.shadow_seconds(), request.settle_seconds()}) {
    if (!(seconds >= 0 && seconds <= 7 * 86400))
      return absl::InvalidArgumentError("shadow_seconds and settle_seconds must be between 0 and 604800");
  }
  if (!(request.analyse_seconds() >= 0 && request.analyse_seconds() <= kLongestAnalyse))
    return absl::InvalidArgumentError(
        absl::StrCat("analyse_seconds must be between 0 and ", kLongestAnalyse));
  if (!(request.margin() >= 0 && request.margin() <= 1))
    return absl::InvalidArgumentError("margin must be between 0 and 1: 0.05 for 5 %");
  return absl::OkStatus();
}

}  // namespace

Rollouts::Rollouts(RolloutMemory memory, HealthBoard* board, Events* events, RolloutTimes times,
                   const Measurements* measurements)
    : memory_(std::move(memory)),
      board_(board),
      events_(events),
      times_(times),
      measurements_(measurements),
      answers_(memory_, kAnswers) {}

Rollouts::~Rollouts() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (const auto& one : running_) {
    if (one->thread.joinable()) one->thread.join();
  }
}

void Rollouts::offer(const std::string& service, Changer changer) {
  const std::lock_guard lock(mutex_);
  changers_[service] = std::move(changer);
}

// Whoever asked may ask again after our death, and must then find an answer if and only if it was done.
absl::Status Rollouts::save(const v1::Rollout& rollout) {
  std::vector<Note> notes = {{kTopic, rollout.id(), text_of(rollout)}};
  const auto found = asking_.extract(rollout.id());
  const Asked* const asked = found && !found.mapped()->id.empty() ? found.mapped() : nullptr;
  const std::string answer = asked == nullptr ? "" : shown(rollout).SerializeAsString();
  if (asked != nullptr) notes.push_back(answers_.note(*asked, answer));
  const absl::Status status = put_together(memory_, notes);
  if (status.ok() && asked != nullptr) answers_.remember(*asked, answer);
  return status;
}

v1::Rollout Rollouts::shown(const v1::Rollout& rollout) const {
  v1::Rollout out = rollout;
  out.set_etag(
      absl::StrCat(rollout.id(), "-", rollout.transitions_size(), rollout.paused() ? "-paused" : ""));
  out.clear_good_versions();
  if (const auto good = good_.find(rollout.service()); good != good_.end()) {
    for (const std::string& version : good->second) out.add_good_versions(version);
  }
  return out;
}

v1::Rollout* Rollouts::find(const std::string& service) {
  for (auto it = all_.rbegin(); it != all_.rend(); ++it) {
    if (it->service() == service) return &*it;
  }
  return nullptr;
}

absl::Status Rollouts::move(v1::Rollout& rollout, Stage to, const std::string& actor,
                            const std::string& reason, const std::string& evidence, Severity severity) {
  rollout.set_state(std::string(name(to)));
  v1::Transition& transition = *rollout.add_transitions();
  transition.set_time(absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone()));
  transition.set_state(rollout.state());
  transition.set_actor(actor);
  transition.set_reason(reason);
  transition.set_evidence(evidence);
  if (events_ != nullptr) {
    Event event;
    event.kind = Kind::kRollout;
    event.severity = severity;
    event.service = rollout.service();
    event.subject = rollout.id();
    event.version = rollout.to();
    event.message =
        absl::StrCat("rollout ", rollout.id(), " of ", rollout.service(), " from ", rollout.from(), " to ",
                     rollout.to(), ": ", rollout.state(), reason.empty() ? "" : ": ", reason);
    event.evidence["evidence"] = evidence;
    events_->record(std::move(event));
  }
  if (to == Stage::kComplete) remember_good(rollout.service(), rollout.to());
  wake_.notify_all();
  return save(rollout);
}

namespace {

// That it did not hold is an incident; that somebody took it back, or that it could not begin, is not.
Severity severity_of(Stage to, Happening happening) {
  if (to == Stage::kFallback) return Severity::kError;
  if (to != Stage::kRolledBack) return Severity::kInfo;
  return happening == Happening::kFailed ? Severity::kError : Severity::kWarning;
}

}  // namespace

absl::Status Rollouts::step(v1::Rollout& rollout, Happening happening, const std::string& actor,
                            const std::string& reason, const std::string& evidence) {
  const std::optional<Stage> to = next(stage_of(rollout), happening);
  if (!to)
    return absl::FailedPreconditionError(absl::StrCat("a rollout in ", rollout.state(), " cannot do that"));
  return move(rollout, *to, actor, reason, evidence, severity_of(*to, happening));
}

void Rollouts::remember_good(const std::string& service, const std::string& version) {
  std::vector<std::string>& good = good_[service];
  std::erase(good, version);
  good.insert(good.begin(), version);
  if (good.size() > kGoodVersions) good.resize(kGoodVersions);
  (void)memory_.put(kGood, service, absl::StrJoin(good, "\n"));
}

absl::Status Rollouts::may_start(const std::string& service, const Changer& changer) const {
  for (const v1::Rollout& other : all_) {
    if (ended(stage_of(other))) continue;
    const auto group = changers_.find(other.service());
    if (other.service() != service && (group == changers_.end() || group->second.group != changer.group))
      continue;
    return absl::FailedPreconditionError(absl::StrCat("rollout ", other.id(), " of ", other.service(), " to ",
                                                      other.to(), " is under way (", other.state(), ")"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Rollout> Rollouts::once(const Asked& asked,
                                           const std::function<absl::StatusOr<v1::Rollout>()>& act) {
  const Turns::Turn turn(turns_, asked.key());
  const auto known = answers_.find(asked);
  if (!known.ok()) return known.status();
  v1::Rollout rollout;
  if (known->has_value() && rollout.ParseFromString(**known)) return rollout;
  absl::StatusOr<v1::Rollout> made = act();
  if (!made.ok()) return made;
  const auto with_record = answers_.find(asked);  // as a rule
  if (with_record.ok() && with_record->has_value()) {
    (void)made->ParseFromString(**with_record);
  } else {
    answers_.keep(asked, made->SerializeAsString());
  }
  return made;
}

absl::StatusOr<v1::Rollout> Rollouts::start(const v1::StartRolloutRequest& request,
                                            const std::string& actor) {
  const Asked asked = asked_of(request, actor);
  if (request.validate_only()) return start_once(request, asked);
  return once(asked, [&] { return start_once(request, asked); });
}

absl::StatusOr<v1::Rollout> Rollouts::start_once(const v1::StartRolloutRequest& request, const Asked& asked) {
  if (absl::Status status = check(request); !status.ok()) return status;
  Changer changer;
  {
    const std::lock_guard lock(mutex_);
    const auto found = changers_.find(request.service());
    if (found == changers_.end()) {
      const auto names =
          absl::StrJoin(changers_, ", ", [](std::string* out, const auto& one) { out->append(one.first); });
      return absl::NotFoundError(
          absl::StrCat("no service \"", request.service(), "\" can be rolled out here; there are: ", names));
    }
    changer = found->second;
  }
  v1::Rollout rollout;
  rollout.set_service(request.service());
  rollout.set_from(changer.version());
  rollout.set_to(request.to());
  rollout.set_state(std::string(name(Stage::kPlanned)));
  if (rollout.from() == rollout.to())
    return absl::FailedPreconditionError(
        absl::StrCat(request.service(), " is of version ", request.to(), " already"));
  if (request.validate_only()) {
    if (absl::Status status = changer.preflight(order_of(request, asked.actor)); !status.ok()) return status;
    const std::lock_guard lock(mutex_);
    if (absl::Status status = may_start(request.service(), changer); !status.ok()) return status;
    return shown(rollout);
  }
  const std::lock_guard lock(mutex_);
  if (absl::Status status = may_start(request.service(), changer); !status.ok()) return status;
  rollout.set_id(absl::StrCat("ro-", next_++));
  remember_good(rollout.service(), rollout.from());
  if (absl::Status status = memory_.put(kOrders, rollout.id(), text_of(request)); !status.ok()) return status;
  asking_[rollout.id()] = &asked;
  if (absl::Status status = move(rollout, Stage::kPlanned, asked.actor, request.reason(), ""); !status.ok())
    return status;
  all_.push_back(rollout);
  launch(rollout, request);
  return shown(rollout);
}

void Rollouts::launch(const v1::Rollout& rollout, const v1::StartRolloutRequest& request) {
  for (auto& old : running_) {
    if (old->done && old->thread.joinable()) old->thread.join();
  }
  std::erase_if(running_, [](const auto& one) { return one->done; });
  running_.push_back(std::make_unique<Running>());
  Running& one = *running_.back();
  one.id = rollout.id();
  one.request = request;
  one.actor = rollout.transitions_size() > 0 ? rollout.transitions(0).actor() : "agent";
  one.thread = std::thread([this, &one] { run(one); });
}

absl::StatusOr<v1::Rollout> Rollouts::latest(const std::string& service) {
  const std::lock_guard lock(mutex_);
  const v1::Rollout* found = find(service);
  if (found == nullptr)
    return absl::NotFoundError(absl::StrCat("service \"", service, "\" has had no rollout"));
  return shown(*found);
}

bool Rollouts::under_way(const std::string& service) {
  const std::lock_guard lock(mutex_);
  const v1::Rollout* found = find(service);
  return found != nullptr && !ended(stage_of(*found));
}

std::vector<v1::Rollout> Rollouts::list(const std::string& service, uint32_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<v1::Rollout> out;
  for (auto it = all_.rbegin(); it != all_.rend() && out.size() < (limit == 0 ? kDefaultLimit : limit);
       ++it) {
    if (service.empty() || it->service() == service) out.push_back(shown(*it));
  }
  return out;
}

absl::StatusOr<v1::Rollout> Rollouts::change(const v1::ChangeRolloutRequest& request,
                                             const std::string& actor) {
  const Asked asked = asked_of(request, actor);
  if (request.validate_only()) return change_once(request, asked);
  return once(asked, [&] { return change_once(request, asked); });
}

absl::Status Rollouts::recover() {
  auto stored = memory_.all(kTopic);
  auto orders = memory_.all(kOrders);
  auto good = memory_.all(kGood);
  for (const absl::Status& status : {stored.status(), orders.status(), good.status()}) {
    if (!status.ok()) return status;
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [service, versions] : *good) good_[service] = absl::StrSplit(versions, '\n');
  for (const auto& [id, text] : *stored) {
    v1::Rollout rollout;
    next_ = std::max(next_, number_of(id) + 1);
    if (!google::protobuf::util::JsonStringToMessage(text, &rollout).ok() || rollout.id() != id) {
      leave_out(id);
      continue;
    }
    all_.push_back(std::move(rollout));
  }
  std::sort(all_.begin(), all_.end(),
            [](const auto& a, const auto& b) { return number_of(a.id()) < number_of(b.id()); });
  for (v1::Rollout& rollout : all_) {
    const Stage stage = stage_of(rollout);
    const auto changer = changers_.find(rollout.service());
    if (ended(stage)) continue;
    const bool new_one = changer != changers_.end() && changer->second.version() == rollout.to();
    if (!new_one) {
      const Stage to = in_force(stage) ? Stage::kRolledBack : Stage::kAborted;
      if (absl::Status status = move(rollout, to, "agent", "the agent was restarted during the rollout",
                                     absl::StrCat(rollout.from(), " is in force"), Severity::kWarning);
          !status.ok())
        return status;
      continue;
    }
    v1::StartRolloutRequest request;
    const auto order = orders->find(rollout.id());
    if (order != orders->end()) (void)google::protobuf::util::JsonStringToMessage(order->second, &request);
    if (absl::Status status = move(rollout, Stage::kSettle, "agent", "resumed after a restart of the agent",
                                   absl::StrCat(rollout.to(), " is in force; the wait begins anew"));
        !status.ok())
      return status;
    launch(rollout, request);
  }
  return absl::OkStatus();
}

}  // namespace outrigger::agent
