#include "host/keeper.h"

#include <algorithm>
#include <ctime>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace outrigger::host {

namespace {

constexpr absl::Duration kReportWithin = absl::Seconds(1);
constexpr uint64_t kAskRefusedEvery = 25;                  // renewals
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
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
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
  bell_.ring();
  return absl::OkStatus();
}

absl::Status Keeper::offer(const v1::SignedBundle& bundle) {
  const std::lock_guard lock(mutex_);
  absl::Status status = take(bundle, true);
  if (!status.ok() && std::exchange(refusal_, std::string(status.message())) != refusal_) bell_.ring();
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
  now.lease_left = link_ == nullptr ? absl::InfiniteDuration() : lease_until_ - boottime();
  now.lease = now.lease_left > absl::ZeroDuration();
  now.dpu_healthy = link_ == nullptr || (now.dpu_healthy && now.lease);  // without a link only orders count
  now.bundle_fault = bundle_fault();
  now.refusal = refusal_;
  return now;
}

void Keeper::report(Report report) {
  {
    const std::lock_guard lock(mutex_);
    if (reported_ && report == report_) return;
    report_ = std::move(report);
    reported_ = untold_ = true;
  }
  wake_.notify_all();
}

// Or until there is something to tell; false: it is to stop.
bool Keeper::wait_until(absl::Duration when) {
  std::unique_lock lock(mutex_);
  const auto patience = absl::ToChronoMilliseconds(absl::Ceil(when - boottime(), absl::Milliseconds(1)));
  (void)wake_.wait_for(lock, patience, [this] { return stop_ || untold_; });
  return !stop_;
}

// A DPU that hears "dormant" carries the traffic: nothing is said before it is known.
void Keeper::talk() {
  for (absl::Duration next = boottime() + kReportWithin; wait_until(next);) {
    next = boottime() + settings_.every;
    renew();
  }
}

void Keeper::renew() {
  v1::RenewRequest request;
  {
    const std::lock_guard lock(mutex_);
    untold_ = false;
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
  if (!reply.ok()) return no_reply(reply.status());
  if (take_reply(*reply, sent)) fetch();
}

void Keeper::no_reply(const absl::Status& why) {
  const std::lock_guard lock(mutex_);
  news_.link_fault = std::string(why.message());
  // Until it is above what was used before the clock was set back.
  if (absl::IsAlreadyExists(why)) sequence_ += skip_ = std::min(2 * skip_, kLongestSkip);
  if (std::exchange(news_.dpu_healthy, false)) bell_.ring();
}

// True: it has a bundle to be fetched.
bool Keeper::take_reply(const v1::RenewReply& reply, absl::Duration sent) {
  const std::lock_guard lock(mutex_);
  const auto said = [this] {
    return std::tuple(boottime() < lease_until_, news_.dpu_healthy, news_.carries, news_.order);
  };
  const auto before = said();
  skip_ = kFirstSkip;
  news_.link_fault.clear();
  news_.answered = sent;
  lease_until_ = sent + absl::Milliseconds(reply.lease_ms());
  news_.dpu_healthy = reply.dpu_healthy();
  news_.carries = reply.has_carries() ? std::optional(reply.carries()) : std::nullopt;
  news_.order = reply.order() == "fall_back" ? Order::kFallBack
                : reply.order() == "return"  ? Order::kReturn
                                             : Order::kNone;
  if (said() != before) bell_.ring();
  // A refused bundle is not asked for again until there is another; one that ages is.
  const bool same = reply.bundle_generation() == offered_generation_ && reply.bundle_mark() == offered_mark_;
  const bool ageing = fresh_ && news_.bundle && boottime() - taken_at_ > absl::Hours(1);
  const bool newer = !same || !news_.bundle || !fresh_ || ageing;
  offered_generation_ = reply.bundle_generation();
  offered_mark_ = reply.bundle_mark();
  return newer && (!same || refusal_.empty() || sequence_ % kAskRefusedEvery == 0);
}

void Keeper::fetch() {
  v1::FetchBundleRequest request;
  request.set_node(settings_.node);  // 0: whatever is the newest, so that its time is renewed too
  const absl::StatusOr<v1::SignedBundle> bundle = link_->fetch(request);
  if (bundle.ok()) (void)offer(*bundle);
}

}  // namespace outrigger::host
