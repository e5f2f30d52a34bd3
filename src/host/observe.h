// `outrigger-host observe`: the host's noise, and where named an application's latency, window by window, as
// lines of JSON on standard output.  Two processes: one without any privilege that measures, held to its
// bounds by the kernel and by its own restraint; and one that made those bounds, restarts the other when it
// dies, and removes them at the end.  The lease and the kernel path are neither's business: they live in the
// daemon, which is measured here, but never held back.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "host/bounds.h"
#include "measure/recorder.h"

namespace outrigger::host {

struct ObserveOptions {
  std::string work;                         // URL of an application; "": none
  double rate = 10;                         // requests a second
  double window_s = 1, for_s = 0;           // 0: until told to stop
  pid_t agent = 0;                          // a process whose CPU and memory count as ours
  std::string name = "outrigger-observer";  // of the cgroup, before the pid
  bool sandbox = true;
};

absl::Status observe(const ObserveOptions& options);

// How long to spin in the next second, so that all of ours stays within its share.
class Restraint {
 public:
  static constexpr uint64_t kMostTurnNs = 2'500'000;
  static constexpr double kShare = 0.8;  // of the limit; the rest is for what comes by surprise

  explicit Restraint(double limit) : limit_(limit) {}
  // `others`: CPUs that all but spinning took in the last window.
  uint64_t turn_ns(double others);

 private:
  const double limit_;
  std::optional<double> usual_;
};

}  // namespace outrigger::host
