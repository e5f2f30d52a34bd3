// What takes the CPU from a thread that wants all of it?  One that reads the clock in a tight loop sees it:
// two readings lie some 30 ns apart, and further whenever interrupts, softirqs, other threads, the firmware
// or the hypervisor came between.  Each step of 1 µs or more is a gap.
//
// Looking all the time costs a CPU, so it looks for a turn out of each period, at a random place in it, that
// nothing periodic hides from it.  A thread that slept before is favoured by the scheduler: in short turns it
// sees interrupts, softirqs and hypervisors in full, and less of the competition of other threads than one
// that never sleeps (`turn` of a whole period) does.  Wakeups (wakeups.h) and run-queue wait show that.
// Thread-safety: any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "stats/sketch.h"

namespace outrigger::measure {

struct SpinOptions {
  std::optional<uint32_t> cpu;  // none: another one each turn
  uint64_t turn_ns = 5'000'000;
  uint64_t period_ns = 1'000'000'000;  // turn == period: never sleeps
};

struct Spun {
  stats::Sketch gaps;  // ns
  double seconds = 0;  // that it looked
};

class SpinGap {
 public:
  static constexpr uint64_t kLeastGap = 1000;  // ns

  static absl::StatusOr<std::unique_ptr<SpinGap>> start(const SpinOptions& options);
  ~SpinGap();
  Spun take();  // since the last one
  // From the next period on; 0: does not look.
  void set_turn(uint64_t turn_ns) { turn_ns_ = turn_ns; }
  [[nodiscard]] uint64_t turn() const { return turn_ns_; }

 private:
  explicit SpinGap(const SpinOptions& options);
  void run();
  void look(uint64_t length);
  bool sleep(uint64_t ns);  // false: it is to stop

  const SpinOptions options_;
  std::atomic<uint64_t> turn_ns_;
  const std::vector<uint32_t> cpus_;
  std::vector<uint64_t> found_;  // of a turn; nothing is allocated while looking
  std::mutex lock_;
  std::condition_variable stop_asked_;
  bool stopping_ = false;  // under lock_, as is what follows
  Spun spun_;
  std::thread thread_;
};

}  // namespace outrigger::measure
