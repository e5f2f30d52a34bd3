// Everything that is measured on a host, window by window: the samplers, the kernel's counters and, where
// there is one, the application's latency.  Thread-safety: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "measure/latency_probe.h"
#include "measure/measurement.h"
#include "measure/spin_gap.h"
#include "measure/wakeups.h"
#include "procfs/host.h"

namespace outrigger::measure {

struct RecorderOptions {
  SpinOptions spin;
  WakeupOptions wakeups;
  std::optional<ProbeOptions> probe;
  std::string proc = "/proc";
};

// The wall clock against the monotonic one.
class ClockSteps {
 public:
  static constexpr int64_t kLeastStepUs = 200;  // less is how long it took to read two clocks

  ClockSteps() : offset_ns_(offset_ns()) {}
  int64_t take_us();  // moved since the last call

 private:
  static int64_t offset_ns();
  int64_t offset_ns_;
};

class Recorder {
 public:
  static absl::StatusOr<std::unique_ptr<Recorder>> start(const RecorderOptions& options);
  // What happened since the last one, or since the start.
  Window close_window();
  // As close_window(), once every request is answered or has failed.
  Window close_last();
  // What could not be seen, and so is in no window.
  [[nodiscard]] const std::vector<std::string>& missing() const { return counts_.missing; }
  [[nodiscard]] SpinGap& spin() { return *spin_; }

 private:
  struct Own {
    double cpu_seconds = 0;
    uint64_t memory = 0;
  };
  Recorder() = default;
  static Own own();

  std::string proc_;
  std::unique_ptr<SpinGap> spin_;
  std::unique_ptr<Wakeups> wakeups_;
  std::unique_ptr<LatencyProbe> probe_;  // none: no application
  procfs::HostCounts counts_;
  ClockSteps clock_;
  Own own_;
  uint64_t begun_ns_ = 0, closed_ns_ = 0, ended_ms_ = 0;
};

}  // namespace outrigger::measure
