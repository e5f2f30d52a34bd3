#include "dpu/secure/refusals.h"

#include "absl/strings/str_cat.h"

namespace outrigger::secure {

bool Refusals::due(const std::string& subject, absl::Time now, uint64_t* silent) {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(subject);
  if (found != seen_.end() && now - found->second.told < kQuiet) {
    ++found->second.silent;
    return false;
  }
  if (found == seen_.end() && seen_.size() >= kSubjects)
    std::erase_if(seen_, [now](const auto& one) { return now - one.second.told >= kQuiet; });
  if (found == seen_.end() && seen_.size() >= kSubjects) return false;
  Seen& one = seen_[subject];
  *silent = one.silent;
  one = {now, 0};
  return true;
}

void Refusals::record(const Identity& who, const std::string& what, const std::string& message,
                      absl::Time now) {
  if (events_ == nullptr) return;
  const std::string subject = absl::StrCat(who.actor(), " ", what);
  uint64_t silent = 0;
  if (!due(subject, now, &silent)) return;
  agent::Event event;
  event.kind = agent::Kind::kRefusedAccess;
  event.domain = who.role == Role::kHost ? Domain::kHost : Domain::kFleet;
  event.severity = Severity::kWarning;
  event.service = "agent";
  event.subject = subject;
  event.message = message;
  event.evidence = {{"caller", who.uri()}, {"call", what}};
  if (silent > 0) event.evidence["not_told_since_the_last"] = absl::StrCat(silent);
  event.first_sign = event.time;
  events_->record(std::move(event));
}

}  // namespace outrigger::secure
