#include "dpu/fallback/desk.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpu/journal/rules.h"
#include "dpu/writes.h"

namespace outrigger::agent {
namespace {

const std::set<std::string> kStates = {"dormant", "blocking", "active", "handing_back", "failed"};
constexpr size_t kMaxUnfit = 1000, kMaxError = 1000;

bool carries(const std::string& state) {
  return state == "blocking" || state == "active" || state == "handing_back";
}

bool idle(const std::string& state) { return state == "dormant" || state == "failed"; }

// The host's own word alone: whoever is only told to take over may find that it cannot.
Yield wanted(const HostState& host) {
  if (!host.believed) return Yield::kNo;
  if (host.state == "active") return Yield::kYes;
  return host.state == "blocking" ? Yield::kQuiet : Yield::kNo;
}

}  // namespace

std::string HostState::etag() const {
  const int64_t began = since == absl::InfinitePast() ? 0 : absl::ToUnixMillis(since);
  return absl::StrCat(state, "/", began, "/", order.empty() ? "none" : order, "/", bundle_generation);
}

// A drill whose leader has died is over.
void Desk::take_up(const StandingOrder& before) {
  host_.order = before.order == "drill" ? "return" : before.order;
  ordered_by_ = before.by;
}

StandingOrder Desk::standing() const {
  const std::lock_guard lock(mutex_);
  if (drill_) return {"drill", ordered_by_};
  return {host_.order, host_.order.empty() ? "" : ordered_by_};
}

Event Desk::event(Kind kind, Phase phase, Domain domain, std::string message) const {
  Event made;
  made.kind = kind;
  made.phase = phase;
  made.domain = domain;
  made.severity = phase == Phase::kBegin ? Severity::kWarning : Severity::kInfo;
  made.service = "fallback";
  made.subject = "host link";
  made.message = std::move(message);
  made.time = wall_time(settings_.clock());
  return made;
}

void Desk::tell(const Notes& notes) {
  for (const Event& one : notes.events) events_.record(one);
  if (notes.yield && hooks_.yield) hooks_.yield(*notes.yield);
}

void Desk::settle(Notes& notes) {
  const bool there = host_.order == "fall_back" && host_.state == "active";
  const bool back = host_.order == "return" && idle(host_.state);
  if (there || back) host_.order.clear();
  standing_is_old_ |= there || back;
  const Yield yields = wanted(host_);
  if (yields != host_.yield) notes.yield = yields;
  host_.yield = yields;
}

// An honest host falls back only where its bundle lets it.
Event Desk::not_believed(const std::string& text) const {
  Event made = event(Kind::kRefusedAccess, Phase::kPoint, Domain::kHost,
                     absl::StrCat(text, ", though no contract falls back on the host: not believed"));
  made.severity = Severity::kWarning;
  return made;
}

void Desk::note_state(const v1::RenewRequest& request, bool may_carry, Notes& notes) {
  const bool was = carries(host_.state), is = carries(request.fallback_state());
  if (host_.state != request.fallback_state()) host_.since = settings_.clock();
  const std::string text =
      absl::StrCat("the host's fallback is ", request.fallback_state(), request.error().empty() ? "" : ": ",
                   request.error().substr(0, kMaxError));
  if (is && !was) host_.believed = may_carry;
  if (is && !was && !may_carry) notes.events.push_back(not_believed(text));
  if (is && !was && may_carry) {
    notes.events.push_back(event(Kind::kFallback, Phase::kBegin, Domain::kDpu, text));
    if (host_.order == "fall_back") notes.events.back().evidence[kOrderedBy] = ordered_by_;
  }
  if (is && was && host_.believed && host_.state != request.fallback_state()) {
    notes.events.push_back(event(Kind::kFallback, Phase::kAct, Domain::kDpu, text));
  }
  if (was && !is && host_.believed)
    notes.events.push_back(event(Kind::kFallback, Phase::kEnd, Domain::kDpu, text));
  if (!is) host_.believed = true;
  if (!request.error().empty() && host_.error != request.error()) {
    notes.events.push_back(event(Kind::kBadBundle, Phase::kPoint, Domain::kHost,
                                 absl::StrCat("the host says: ", request.error().substr(0, kMaxError))));
  }
  host_.state = request.fallback_state();
  host_.error = request.error().substr(0, kMaxError);
  if (host_.bundle_generation != request.bundle_generation()) host_.bundle_since = settings_.clock();
  host_.bundle_generation = request.bundle_generation();
  host_.unfit.assign(request.unfit().begin(),
                     request.unfit().begin() + std::min<int>(request.unfit_size(), kMaxUnfit));
}

absl::StatusOr<v1::RenewReply> Desk::renew(const v1::RenewRequest& request) {
  if (request.node() != settings_.node) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is the DPU of ", settings_.node, ", not of ", request.node()));
  }
  if (!kStates.contains(request.fallback_state())) {
    return absl::InvalidArgumentError(
        absl::StrCat("fallback_state \"", request.fallback_state(), "\" is not known"));
  }
  const bool healthy = hooks_.healthy();
  const bool may_carry = !hooks_.host_may_carry || hooks_.host_may_carry();
  const uint64_t generation = hooks_.generation();
  v1::RenewReply reply;
  Notes notes;
  {
    const std::lock_guard lock(mutex_);
    if (request.sequence() <= sequence_) {
      return absl::AlreadyExistsError(absl::StrCat("sequence ", request.sequence(), " was seen before"));
    }
    sequence_ = request.sequence();
    if (host_.known && !host_.linked) {
      notes.events.push_back(event(Kind::kLeaseLost, Phase::kEnd, Domain::kHost, "the host calls again"));
    }
    host_.known = host_.linked = true;
    host_.last_call = settings_.clock();
    note_state(request, may_carry, notes);
    settle(notes);
    reply.set_order(host_.order);
    reply.set_carries(host_.yield != Yield::kYes);
    reply.set_bundle_mark(mark_);
  }
  tell(notes);
  reply.set_lease_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(settings_.lease)));
  reply.set_monotonic_ns(monotonic_now_ns());
  reply.set_dpu_healthy(healthy);
  reply.set_bundle_generation(generation);
  return reply;
}

absl::StatusOr<v1::SignedBundle> Desk::fetch(const v1::FetchBundleRequest& request) {
  if (request.node() != settings_.node) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is the DPU of ", settings_.node, ", not of ", request.node()));
  }
  const uint64_t generation = hooks_.generation();
  if (generation == 0 || (request.have_generation() != 0 && request.have_generation() >= generation)) {
    return absl::NotFoundError(absl::StrCat("no bundle newer than generation ", request.have_generation()));
  }
  uint64_t mark = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool fresh = settings_.clock() - cached_at_ < settings_.refresh;
    if (cached_generation_ == generation && cached_mark_ == mark_ && fresh) return cached_;
    mark = mark_;
  }
  absl::StatusOr<v1::SignedBundle> made = hooks_.bundle();
  if (!made.ok()) return made.status();
  const std::lock_guard lock(mutex_);
  cached_ = *made;
  cached_generation_ = generation;
  cached_mark_ = mark;
  cached_at_ = settings_.clock();
  return made;
}

absl::Status Desk::may_fall_back() const {
  if (!host_.linked) return absl::FailedPreconditionError("the host is not on the link: it cannot be told");
  const bool may_be_taken_back = host_.order == "return" && host_.state == "active";
  if (carries(host_.state) && !may_be_taken_back)
    return absl::FailedPreconditionError("a fallback is in force already");
  if (host_.state == "failed")
    return absl::FailedPreconditionError(
        absl::StrCat("the host's path has failed", host_.error.empty() ? "" : ": ", host_.error,
                     ": nothing falls back onto a path that is itself unhealthy"));
  if (host_.bundle_generation != 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the host has no valid bundle", host_.error.empty() ? "" : ": ", host_.error));
}

absl::Status Desk::may_return(bool healthy) const {
  if (!carries(host_.state) && host_.order != "fall_back")
    return absl::FailedPreconditionError("no fallback is in force");
  if (healthy || idle(host_.state)) return absl::OkStatus();
  return absl::FailedPreconditionError("the DPU's services are not all ready: the host keeps the traffic");
}

// With the lock.  A return stands until the host says that it is back: it may have begun to leave by now.
void Desk::note_order(const std::string& order, const std::string& actor, bool drill, Notes& notes) {
  host_.order = order;
  ordered_by_ = actor;
  drill_ = drill;
  standing_is_old_ = true;
  notes.events.push_back(event(Kind::kFallback, Phase::kPoint, Domain::kDpu,
                               absl::StrCat(order == "return" ? order : "fallback", " ordered by ", actor)));
}

absl::Status Desk::order_fall_back(const std::string& actor, const OrderTerms& terms) {
  Notes notes;
  {
    const std::lock_guard lock(mutex_);
    absl::Status status = check_etag("the fallback", host_.etag(), terms.etag);
    if (status.ok()) status = may_fall_back();
    if (!status.ok() || terms.check_only) return status;
    note_order("fall_back", actor, terms.drill, notes);
  }
  tell_standing();
  tell(notes);
  return absl::OkStatus();
}

absl::Status Desk::order_return(const std::string& actor, const OrderTerms& terms) {
  const bool healthy = terms.drill || hooks_.healthy();
  Notes notes;
  {
    const std::lock_guard lock(mutex_);
    absl::Status status = check_etag("the fallback", host_.etag(), terms.etag);
    if (status.ok()) status = may_return(healthy);
    if (!status.ok() || terms.check_only) return status;
    note_order("return", actor, false, notes);
  }
  tell_standing();
  tell(notes);
  return absl::OkStatus();
}

HostState Desk::state() const {
  const std::lock_guard lock(mutex_);
  return host_;
}

void Desk::await_host() {
  const std::lock_guard lock(mutex_);
  if (host_.known) return;
  host_.yield = Yield::kYes;
  awaiting_until_ = settings_.clock() + settings_.patience;
}

void Desk::bundle_changed() {
  const std::lock_guard lock(mutex_);
  ++mark_;
}

// Whoever keeps it may take a moment, for which no host's call has to wait.
void Desk::tell_standing() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(standing_is_old_, false)) return;
  }
  if (hooks_.standing) hooks_.standing();
}

void Desk::tick() {
  tell_standing();
  Notes notes;
  {
    const std::lock_guard lock(mutex_);
    if (!host_.known && host_.yielded() && settings_.clock() >= awaiting_until_) settle(notes);
  }
  tell(notes);
  notes = {};
  {
    const std::lock_guard lock(mutex_);
    if (!host_.linked || settings_.clock() - host_.last_call < settings_.lease) return;
    host_.linked = false;
    notes.events.push_back(event(Kind::kLeaseLost, Phase::kBegin, Domain::kHost, "the host has gone silent"));
    notes.events.back().first_sign = wall_time(host_.last_call);
  }
  tell(notes);
}

}  // namespace outrigger::agent
