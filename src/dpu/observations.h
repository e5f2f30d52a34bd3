// What the host measured, as it told us over its link: the last half hour of it, window by window, and what
// this side counted beside it.  A rollout that asks for a gate is judged by it, and a scrape shows the
// newest.
//
// A host is not trusted: a report is taken whole or not at all, sizes, order, times and every sketch are
// checked first, and what is kept has a bound in windows, bytes and time.  A host that lies can hold back or
// undo changes of its own node and nothing else: a version whose health left ready goes back whatever it
// says.
//
// Thread-safety: any thread.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/record.h"
#include "base/steady_time.h"
#include "dpu/rollout/measured.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::agent {

class Observations final : public Measurements {
 public:
  static constexpr int kMostAtOnce = 120;             // windows of a report
  static constexpr size_t kLongestSketch = 16 << 10;  // bytes of text
  static constexpr size_t kMostBuckets = 1024;        // of a sketch
  static constexpr int kMostCpus = 1024;
  static constexpr uint64_t kMostEvents = 100'000'000;  // of a window

  struct Limits {
    size_t windows = 2400, bytes = 32 << 20;
    absl::Duration keep = absl::Minutes(30);
    absl::Duration ahead = absl::Seconds(2);  // clocks of two machines
  };
  // Steady time, and the nanoseconds of the monotonic clock that belong to it.
  struct Clock {
    std::function<absl::Time()> steady = [] { return steady_time(); };
    std::function<int64_t()> monotonic_ns = [] { return monotonic_now_ns(); };
  };
  Observations() : Observations(Limits{}, Clock{}) {}
  Observations(Limits limits, Clock clock) : limits_(limits), clock_(std::move(clock)) {}

  // Up to which cursor of this run we have them.  InvalidArgument names the window and what is wrong with it.
  absl::StatusOr<uint64_t> take(const v1::ReportWindowsRequest& request);
  void count(const NodeSecond& second);

  [[nodiscard]] Measured between(absl::Time from, absl::Time to) const override;

  struct Figures {
    uint64_t taken = 0, refused = 0;  // windows; reports
    size_t windows = 0, bytes = 0;    // kept
    std::optional<v1::MeasuredWindow> newest;
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct Kept {
    absl::Time start;
    size_t bytes = 0;
    v1::MeasuredWindow window;  // sketches as text: they take a tenth of the room
  };
  absl::Status check(const v1::ReportWindowsRequest& request, absl::Time now) const;
  absl::Status check(const v1::MeasuredWindow& window, absl::Time now) const;
  [[nodiscard]] absl::Time time_of(const v1::MeasuredWindow& window, absl::Time now) const;
  void forget_old(absl::Time now);

  const Limits limits_;
  const Clock clock_;
  mutable std::mutex lock_;
  std::deque<Kept> kept_;  // ascending in time
  std::deque<NodeSecond> seconds_;
  size_t bytes_ = 0;
  uint64_t run_ = 0, last_ = 0;  // cursor of the run's newest
  uint64_t taken_ = 0, refused_ = 0;
};

}  // namespace outrigger::agent
