// What can be said to a rollout: pause, resume, promote, abort, undo.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/rollout/running.h"
#include "dpu/writes.h"

namespace outrigger::agent {

namespace {

std::optional<Happening> happening_of(const std::string& verb) {
  static const std::map<std::string, Happening> kWords = {
      {"promote", Happening::kPromote}, {"abort", Happening::kAbort}, {"undo", Happening::kUndo}};
  const auto word = kWords.find(verb);
  return word == kWords.end() ? std::nullopt : std::optional(word->second);
}

bool is_pause(const std::string& verb) { return verb == "pause" || verb == "resume"; }

}  // namespace

// With the lock: whether that can be said to it as it is.
absl::Status Rollouts::may_change(const v1::Rollout& rollout, const v1::ChangeRolloutRequest& request) const {
  if (absl::Status status =
          check_etag(absl::StrCat("rollout ", rollout.id()), shown(rollout).etag(), request.etag());
      !status.ok())
    return status;
  const Stage stage = stage_of(rollout);
  if (is_pause(request.verb())) {
    if (!ended(stage)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("rollout ", rollout.id(), " has ended"));
  }
  const std::optional<Happening> word = happening_of(request.verb());
  if (!word)
    return absl::InvalidArgumentError(
        absl::StrCat("\"", request.verb(), "\": it is one of pause, resume, promote, abort, undo"));
  if (!next(stage, *word))
    return absl::FailedPreconditionError(
        absl::StrCat("rollout ", rollout.id(), " is ", rollout.state(), ": it cannot ", request.verb()));
  return ended(stage) ? changer_back(rollout).status() : absl::OkStatus();  // only an undo gets there
}

absl::StatusOr<v1::Rollout> Rollouts::change_once(const v1::ChangeRolloutRequest& request,
                                                  const Asked& asked) {
  std::unique_lock lock(mutex_);
  v1::Rollout* rollout = find(request.service());
  if (rollout == nullptr)
    return absl::NotFoundError(absl::StrCat("service \"", request.service(), "\" has had no rollout"));
  if (absl::Status status = may_change(*rollout, request); !status.ok()) return status;
  if (request.validate_only()) return shown(*rollout);
  const Stage stage = stage_of(*rollout);
  if (is_pause(request.verb())) {
    rollout->set_paused(request.verb() == "pause");
    asking_[rollout->id()] = &asked;
    absl::Status status = move(*rollout, stage, asked.actor, request.reason(), request.verb());
    if (!status.ok()) return status;
    return shown(*rollout);
  }
  if (ended(stage)) {
    v1::Rollout copy = *rollout;
    lock.unlock();
    if (absl::Status status = undo_ended(copy, asked, request.reason()); !status.ok()) return status;
    return latest(request.service());
  }
  const std::string id = rollout->id();
  for (const auto& one : running_) {
    if (one->id != id || one->done) continue;
    one->word = happening_of(request.verb());
    one->word_actor = asked.actor;
    one->word_reason = request.reason();
  }
  asking_[id] = &asked;
  wake_.notify_all();
  const int before = rollout->transitions_size();
  wake_.wait_for(lock, std::chrono::seconds(5),
                 [&] { return stopping_ || find(request.service())->transitions_size() > before; });
  asking_.erase(id);
  return shown(*find(request.service()));
}

// With the lock.  How to get back to what was before a rollout that has ended.
absl::StatusOr<Changer> Rollouts::changer_back(const v1::Rollout& rollout) const {
  const auto found = changers_.find(rollout.service());
  if (found == changers_.end()) return absl::NotFoundError(absl::StrCat("no service ", rollout.service()));
  const auto good = good_.find(rollout.service());
  if (good == good_.end() ||
      std::find(good->second.begin(), good->second.end(), rollout.from()) == good->second.end())
    return absl::FailedPreconditionError(absl::StrCat(
        rollout.from(), " is not among the last ", kGoodVersions, " good versions: start a rollout to it"));
  if (absl::Status status = may_start(rollout.service(), found->second); !status.ok()) return status;
  return found->second;
}

// Deliberate, so there is nothing to wait for: the version was good before.
absl::Status Rollouts::undo_ended(v1::Rollout& rollout, const Asked& asked, const std::string& reason) {
  Changer changer;
  {
    const std::lock_guard lock(mutex_);
    absl::StatusOr<Changer> way = changer_back(rollout);
    if (!way.ok()) return way.status();
    changer = *std::move(way);
  }
  if (absl::Status status = changer.go_back(rollout.from(), asked.actor); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  v1::Rollout* now = find(rollout.service());
  remember_good(rollout.service(), rollout.from());
  asking_[now->id()] = &asked;
  return step(*now, Happening::kUndo, asked.actor, reason,
              absl::StrCat(rollout.from(), " is in force again"));
}

// The others are worth more than a history without gaps.  It stays in the store as it is.
void Rollouts::leave_out(const std::string& id) {
  if (events_ == nullptr) return;
  Event event;
  event.severity = Severity::kError;
  event.service = "store";
  event.subject = id;
  event.message = absl::StrCat("stored rollout ", id, " cannot be read: it is left out of the history");
  events_->record(std::move(event));
}

}  // namespace outrigger::agent
