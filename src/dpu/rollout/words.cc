// What can be said to a rollout: pause, resume, promote, abort, undo.
#include <algorithm>
#include <chrono>
#include <map>

#include "absl/strings/str_cat.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/rollout/running.h"

namespace outrigger::agent {

absl::StatusOr<v1::Rollout> Rollouts::change_once(const v1::ChangeRolloutRequest& request,
                                                  const Asked& asked) {
  static const std::map<std::string, Happening> kWords = {
      {"promote", Happening::kPromote}, {"abort", Happening::kAbort}, {"undo", Happening::kUndo}};
  std::unique_lock lock(mutex_);
  v1::Rollout* rollout = find(request.service());
  if (rollout == nullptr)
    return absl::NotFoundError(absl::StrCat("service \"", request.service(), "\" has had no rollout"));
  if (!request.etag().empty() && request.etag() != shown(*rollout).etag())
    return absl::AbortedError(
        absl::StrCat("rollout ", rollout->id(), " has changed since (now ", rollout->state(), ")"));
  const Stage stage = stage_of(*rollout);
  if (request.verb() == "pause" || request.verb() == "resume") {
    if (ended(stage))
      return absl::FailedPreconditionError(absl::StrCat("rollout ", rollout->id(), " has ended"));
    rollout->set_paused(request.verb() == "pause");
    asking_[rollout->id()] = &asked;
    absl::Status status = move(*rollout, stage, asked.actor, request.reason(), request.verb());
    if (!status.ok()) return status;
    return shown(*rollout);
  }
  const auto word = kWords.find(request.verb());
  if (word == kWords.end())
    return absl::InvalidArgumentError(
        absl::StrCat("\"", request.verb(), "\": it is one of pause, resume, promote, abort, undo"));
  if (!next(stage, word->second))
    return absl::FailedPreconditionError(
        absl::StrCat("rollout ", rollout->id(), " is ", rollout->state(), ": it cannot ", request.verb()));
  if (ended(stage)) {  // only an undo gets here
    v1::Rollout copy = *rollout;
    lock.unlock();
    if (absl::Status status = undo_ended(copy, asked, request.reason()); !status.ok()) return status;
    return latest(request.service());
  }
  const std::string id = rollout->id();
  for (const auto& one : running_) {
    if (one->id != id || one->done) continue;
    one->word = word->second;
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

// Deliberate, so there is nothing to wait for: the version was good before.
absl::Status Rollouts::undo_ended(v1::Rollout& rollout, const Asked& asked, const std::string& reason) {
  Changer changer;
  {
    const std::lock_guard lock(mutex_);
    const auto found = changers_.find(rollout.service());
    const std::vector<std::string>& good = good_[rollout.service()];
    if (found == changers_.end()) return absl::NotFoundError(absl::StrCat("no service ", rollout.service()));
    if (std::find(good.begin(), good.end(), rollout.from()) == good.end())
      return absl::FailedPreconditionError(absl::StrCat(
          rollout.from(), " is not among the last ", kGoodVersions, " good versions: start a rollout to it"));
    changer = found->second;
    if (absl::Status status = may_start(rollout.service(), changer); !status.ok()) return status;
  }
  if (absl::Status status = changer.go_back(rollout.from(), asked.actor); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  v1::Rollout* now = find(rollout.service());
  remember_good(rollout.service(), rollout.from());
  asking_[now->id()] = &asked;
  return step(*now, Happening::kUndo, asked.actor, reason, absl::StrCat(rollout.from(), " is in force again"));
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
