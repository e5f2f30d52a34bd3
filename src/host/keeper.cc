#include "host/keeper.h"

#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace outrigger::host {

namespace {

constexpr absl::Duration kReportWithin = absl::Seconds(1);
constexpr uint64_t kFirstSkip = 12ULL * 3600 * 1'000'000;  // twice that is a day
constexpr uint64_t kLongestSkip = 366 * 2 * kFirstSkip;

}  // namespace

absl::Duration boottime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

// Sequences must ascend over restarts too; the wall clock's microseconds do, unless it was set back.
Keeper::Keeper(Settings settings, Ed25519Key key, std::unique_ptr<Link> link)
    : settings_(std::move(settings)),
      key_(std::move(key)),
      link_(std::move(link)),
      lease_until_(boottime() + settings_.first_lease),
      sequence_(static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()))),
      skip_(kFirstSkip) {
  news_.answered = boottime();
  load();
  if (link_ != nullptr) thread_ = std::thread([this] { talk(); });
}

Keeper::~Keeper() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Keeper::load() {
  const absl::StatusOr<Accepted> accepted = load_accepted(settings_.file);
  if (!accepted.ok()) {
    refusal_ = std::string(accepted.status().message());
    return;
  }
  accepted_ = *accepted;
  const absl::StatusOr<v1::SignedBundle> kept = load_bundle(settings_.file);
  if (!kept.ok()) return;
  if (const absl::Status status = take(*kept, false); !status.ok()) refusal_ = std::string(status.message());
}

absl::Status Keeper::take(const v1::SignedBundle& bundle, bool fresh) {
  absl::StatusOr<v1::HostBundle> checked = check_bundle(bundle, key_, settings_.node, accepted_, absl::Now());
  if (!checked.ok()) return checked.status();
  const Accepted now{checked->generation(), checked->sequence()};
  if (absl::Status status = save_bundle(settings_.file, bundle, now); !status.ok()) return status;
  accepted_ = now;
  news_.bundle = std::make_shared<const v1::HostBundle>(*std::move(checked));
  taken_at_ = boottime();
  fresh_ = fresh;
  refusal_.clear();
  return absl::OkStatus();
}

absl::Status Keeper::offer(const v1::SignedBundle& bundle) {
  const std::lock_guard lock(mutex_);
  absl::Status status = take(bundle, true);
  if (!status.ok()) refusal_ = std::string(status.message());
  return status;
}

// A bundle that came from a live DPU holds for its lifetime from then on, whatever the wall clock does since;
// one from disk must hold by the wall clock.
std::string Keeper::bundle_fault() const {
  if (!news_.bundle) return refusal_.empty() ? "no bundle has come from the DPU yet" : refusal_;
  const absl::Time end = absl::FromUnixSeconds(news_.bundle->not_after());
  const absl::Duration lifetime = end - absl::FromUnixSeconds(news_.bundle->not_before());
  const bool over = fresh_ ? boottime() - taken_at_ > lifetime : absl::Now() > end;
  return over ? absl::StrCat("expired: the bundle of generation ", news_.bundle->generation()) : "";
}

Keeper::News Keeper::news() const {
  const std::lock_guard lock(mutex_);
  News now = news_;
  now.lease = link_ == nullptr || boottime() < lease_until_;
  now.dpu_healthy = link_ == nullptr || (now.dpu_healthy && now.lease);  // without a link only orders count
  now.bundle_fault = bundle_fault();
  now.refusal = refusal_;
  return now;
}

void Keeper::report(Report report) {
  const std::lock_guard lock(mutex_);
  report_ = std::move(report);
  reported_ = true;
}

// A DPU that hears "dormant" carries the traffic: nothing is said before it is known.
void Keeper::wait_for_report() {
  const absl::Duration end = boottime() + kReportWithin;
  while (!stop_ && boottime() < end) {
    {
      const std::lock_guard lock(mutex_);
      if (reported_) return;
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
}

void Keeper::talk() {
  wait_for_report();
  while (!stop_) {
    const absl::Duration began = boottime();
    renew();
    const absl::Duration rest = settings_.every - (boottime() - began);
    if (rest > absl::ZeroDuration()) absl::SleepFor(rest);
  }
}

void Keeper::renew() {
  v1::RenewRequest request;
  {
    const std::lock_guard lock(mutex_);
    request.set_node(settings_.node);
    request.set_sequence(++sequence_);
    request.set_fallback_state(std::string(name(report_.state)));
    request.set_bundle_generation(news_.bundle ? news_.bundle->generation() : 0);
    request.set_error(refusal_.empty() ? report_.error : refusal_);
    for (const std::string& one : report_.unfit) request.add_unfit(one);
  }
  const absl::Duration sent = boottime();
  request.set_monotonic_ns(absl::ToInt64Nanoseconds(sent));
  const absl::StatusOr<v1::RenewReply> reply = link_->renew(request);
  bool newer = false;
  {
    const std::lock_guard lock(mutex_);
    news_.link_fault = reply.ok() ? "" : std::string(reply.status().message());
    if (!reply.ok()) {
      // Until it is above what was used before the clock was set back.
      if (absl::IsAlreadyExists(reply.status())) sequence_ += skip_ = std::min(2 * skip_, kLongestSkip);
      news_.dpu_healthy = false;
      return;
    }
    skip_ = kFirstSkip;
    news_.answered = sent;
    lease_until_ = sent + absl::Milliseconds(reply->lease_ms());
    news_.dpu_healthy = reply->dpu_healthy();
    news_.carries = reply->has_carries() ? std::optional(reply->carries()) : std::nullopt;
    news_.order = reply->order() == "fall_back" ? Order::kFallBack
                  : reply->order() == "return"  ? Order::kReturn
                                                : Order::kNone;
    // A refused bundle is not asked for again until there is another; one that ages is.
    const bool ageing = fresh_ && news_.bundle && boottime() - taken_at_ > absl::Hours(1);
    newer = reply->bundle_generation() != offered_generation_ || reply->bundle_mark() != offered_mark_ ||
            !news_.bundle || !fresh_ || ageing;
    if (newer && !refusal_.empty() && reply->bundle_generation() == offered_generation_ &&
        reply->bundle_mark() == offered_mark_ && sequence_ % 25 != 0)
      newer = false;
    offered_generation_ = reply->bundle_generation();
    offered_mark_ = reply->bundle_mark();
  }
  if (newer) fetch();
}

void Keeper::fetch() {
  v1::FetchBundleRequest request;
  request.set_node(settings_.node);  // 0: whatever is the newest, so that its time is renewed too
  const absl::StatusOr<v1::SignedBundle> bundle = link_->fetch(request);
  if (bundle.ok()) (void)offer(*bundle);
}

}  // namespace outrigger::host
