// How late is a thread that asked to be woken at a given time?  Timers are set for times fixed beforehand, so
// that whatever delays one of them delays those after it as well, and each is counted: with one timer set
// when the last one went off, a stall of a second would be one late wakeup among a hundred good ones.
// Thread-safety: any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/status/statusor.h"
#include "stats/sketch.h"

namespace outrigger::measure {

struct WakeupOptions {
  std::optional<uint32_t> cpu;        // none: where the scheduler puts it
  uint64_t interval_ns = 10'000'000;  // on the average; the places within are random
};

class Wakeups {
 public:
  static absl::StatusOr<std::unique_ptr<Wakeups>> start(const WakeupOptions& options);
  ~Wakeups();
  stats::Sketch take();  // ns late, since the last one

 private:
  explicit Wakeups(const WakeupOptions& options) : options_(options) {}
  void run();

  const WakeupOptions options_;
  std::atomic<bool> stopping_{false};
  std::mutex lock_;
  stats::Sketch late_;  // under lock_
  std::thread thread_;
};

}  // namespace outrigger::measure
