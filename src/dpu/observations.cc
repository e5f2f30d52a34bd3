#include "dpu/observations.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

constexpr uint32_t kShortestMs = 100, kLongestMs = 60'000;
constexpr double kMostOfAll = 1.1;  // shares that were measured add up to about 1

absl::StatusOr<stats::Sketch> sketch_of(const std::string& text) {
  return text.empty() ? stats::Sketch() : stats::Sketch::parse(text);
}

bool is_share(double value) { return value >= 0 && value <= kMostOfAll; }  // no NaN

absl::Status check_sketch(const char* name, const std::string& text) {
  if (text.size() > Observations::kLongestSketch)
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": ", text.size(), " bytes, at most ", Observations::kLongestSketch));
  const auto sketch = sketch_of(text);
  if (!sketch.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", sketch.status().message()));
  if (sketch->buckets().size() > Observations::kMostBuckets || sketch->count() > Observations::kMostEvents)
    return absl::InvalidArgumentError(absl::StrCat(name, ": too many buckets or events"));
  return absl::OkStatus();
}

absl::Status check_figures(const v1::MeasuredWindow& window) {
  if (window.length_ms() < kShortestMs || window.length_ms() > kLongestMs)
    return absl::InvalidArgumentError(
        absl::StrCat("length_ms ", window.length_ms(), ", between ", kShortestMs, " and ", kLongestMs));
  if (window.sent() > Observations::kMostEvents || window.failed() > Observations::kMostEvents)
    return absl::InvalidArgumentError("more requests than any host can send");
  if (!(window.spun() >= 0 && window.spun() <= 2e-3 * window.length_ms()))
    return absl::InvalidArgumentError("spun for longer than the window");
  if (window.cpu_size() > Observations::kMostCpus)
    return absl::InvalidArgumentError(absl::StrCat(window.cpu_size(), " CPUs"));
  for (const v1::CpuTime& cpu : window.cpu()) {
    for (const double share : {cpu.user(), cpu.system(), cpu.softirq(), cpu.irq(), cpu.steal(), cpu.idle()}) {
      if (!is_share(share)) return absl::InvalidArgumentError(absl::StrCat("cpu ", cpu.cpu(), ": no share"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Time Observations::time_of(const v1::MeasuredWindow& window, absl::Time now) const {
  return now + absl::Nanoseconds(window.start_ns()) - absl::Nanoseconds(clock_.monotonic_ns());
}

absl::Status Observations::check(const v1::MeasuredWindow& window, absl::Time now) const {
  if (absl::Status status = check_figures(window); !status.ok()) return status;
  const absl::Time end = time_of(window, now) + absl::Milliseconds(window.length_ms());
  if (end > now + limits_.ahead) return absl::InvalidArgumentError("it ends in the future");
  if (absl::Status status = check_sketch("latency", window.latency()); !status.ok()) return status;
  if (absl::Status status = check_sketch("gaps", window.gaps()); !status.ok()) return status;
  return check_sketch("wakeups", window.wakeups());
}

absl::Status Observations::check(const v1::ReportWindowsRequest& request, absl::Time now) const {
  if (request.windows_size() > kMostAtOnce)
    return absl::InvalidArgumentError(
        absl::StrCat(request.windows_size(), " windows at once, at most ", kMostAtOnce));
  uint64_t cursor = request.after();
  absl::Time before = kept_.empty() ? absl::InfinitePast() : kept_.back().start;
  for (const v1::MeasuredWindow& window : request.windows()) {
    absl::Status status = check(window, now);
    const absl::Time start = time_of(window, now);
    if (status.ok() && (window.cursor() <= cursor || start <= before))
      status = absl::InvalidArgumentError("it is not after the one before");
    if (!status.ok())
      return absl::InvalidArgumentError(absl::StrCat("window ", window.cursor(), ": ", status.message()));
    cursor = window.cursor();
    before = start;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Observations::take(const v1::ReportWindowsRequest& request) {
  const std::lock_guard lock(lock_);
  const absl::Time now = clock_.steady();
  if (request.run() != run_) {
    run_ = request.run();
    last_ = 0;
  }
  if (request.after() != last_) return last_;
  if (absl::Status status = check(request, now); !status.ok()) {
    ++refused_;
    return status;
  }
  for (const v1::MeasuredWindow& window : request.windows()) {
    const size_t bytes = sizeof(Kept) + window.ByteSizeLong();
    kept_.push_back({time_of(window, now), bytes, window});
    bytes_ += bytes;
    last_ = window.cursor();
    ++taken_;
  }
  forget_old(now);
  return last_;
}

void Observations::forget_old(absl::Time now) {
  while (!kept_.empty() && (kept_.size() > limits_.windows || bytes_ > limits_.bytes ||
                            kept_.front().start < now - limits_.keep)) {
    bytes_ -= kept_.front().bytes;
    kept_.pop_front();
  }
  while (!seconds_.empty() && seconds_.front().start < now - limits_.keep) seconds_.pop_front();
}

void Observations::count(const NodeSecond& second) {
  const std::lock_guard lock(lock_);
  seconds_.push_back(second);
  forget_old(second.start);
}

Measured Observations::between(absl::Time from, absl::Time to) const {
  std::vector<Kept> within;
  Measured out;
  {
    const std::lock_guard lock(lock_);
    for (const Kept& one : kept_) {
      if (one.start >= from && one.start + absl::Milliseconds(one.window.length_ms()) <= to)
        within.push_back(one);
    }
    for (const NodeSecond& second : seconds_) {
      if (second.start >= from && second.start < to) out.seconds.push_back(second);
    }
  }
  for (const Kept& one : within) {
    auto latency = sketch_of(one.window.latency());
    if (!latency.ok()) continue;  // was checked when it came
    out.windows.push_back({one.start, absl::Milliseconds(one.window.length_ms()), *std::move(latency),
                           one.window.sent(), one.window.failed()});
  }
  return out;
}

Observations::Figures Observations::figures() const {
  const std::lock_guard lock(lock_);
  Figures out{taken_, refused_, kept_.size(), bytes_, std::nullopt};
  if (!kept_.empty()) out.newest = kept_.back().window;
  return out;
}

}  // namespace outrigger::agent
