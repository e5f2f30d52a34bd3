#include "dpu/secure/gate.h"

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"

namespace outrigger::secure {

namespace {

constexpr size_t kCallers = 1024;  // beyond that, those that were quiet are forgotten

// The way out: "; operator, fleet may".
std::string who_may(std::string_view path, Listener listener) {
  if (allowed(path) == 0) return "";
  if (listener_of(path) != listener) return "; it is served on another address";
  std::string roles;
  for (const Role role : kRoles) {
    if (has(allowed(path), role))
      absl::StrAppend(&roles, roles.empty() ? "; " : ", ", std::string(name(role)));
  }
  return absl::StrCat(roles, " may");
}

}  // namespace

Gate::Pace Gate::pace(const Identity& who, absl::Time now) {
  if (!options_.rate) return Pace::kFine;
  const std::lock_guard lock(mutex_);
  if (callers_.size() > kCallers)
    std::erase_if(callers_, [now](const auto& one) { return one.second.bucket.full(now); });
  Caller& caller = callers_.try_emplace(who.actor(), Caller{TokenBucket(*options_.rate, now)}).first->second;
  if (caller.flooding && caller.bucket.recovered(now)) caller.flooding = false;
  if (caller.bucket.take(now)) return Pace::kFine;
  if (caller.flooding) return Pace::kFloodGoesOn;
  caller.flooding = true;
  return Pace::kFloodBegins;
}

absl::Status Gate::judge(std::string_view uri, std::string_view path, absl::Time now) {
  const absl::StatusOr<Identity> who = parse_spiffe(uri);
  if (!who.ok()) {
    return absl::UnauthenticatedError(
        absl::StrCat("the certificate says not who you are: its URI name ", who.status().message()));
  }
  if (who->trust_domain != options_.trust_domain) {
    return absl::UnauthenticatedError(absl::StrCat("the certificate is of trust domain ", who->trust_domain,
                                                   ", this node's is ", options_.trust_domain));
  }
  if (const Pace now_and_before = pace(*who, now); now_and_before != Pace::kFine) {
    const std::string message =
        absl::StrCat(who->actor(), " calls too often: at most ", options_.rate->per_second,
                     " calls a second, ", options_.rate->burst, " at once");
    if (now_and_before == Pace::kFloodBegins) refusals_.record(*who, "flood", message, now);
    return absl::ResourceExhaustedError(message);
  }
  if (listener_of(path) == options_.listener && has(allowed(path), who->role)) return absl::OkStatus();
  const std::string message =
      absl::StrCat("role ", std::string(name(who->role)), " (", who->actor(), ") may not call ",
                   std::string(path), " here", who_may(path, options_.listener));
  // Whoever invents names must not invent subjects.
  refusals_.record(*who, allowed(path) == 0 ? "an unknown method" : std::string(path), message, now);
  return absl::PermissionDeniedError(message);
}

absl::Status Gate::refuse(const Identity& who, const std::string& what, const std::string& message) {
  refusals_.record(who, what, message, steady_time());
  return absl::PermissionDeniedError(message);
}

}  // namespace outrigger::secure
