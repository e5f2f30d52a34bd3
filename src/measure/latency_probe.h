// How long do an application's clients wait?  Closed loops, which send the next request when the last was
// answered, stop asking while the application stands still, and so see a stall of a second once.  This is an
// open loop: times at which requests are to be sent are fixed beforehand, and each request's latency counts
// from then, also when no connection was free to send it.  What delays the probe itself is counted, too: give
// it a CPU of its own, or say that it has none. Thread-safety: any thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "measure/dialogue.h"
#include "stats/sketch.h"

namespace outrigger::measure {

struct ProbeOptions {
  Target target;
  double rate = 100;                     // requests a second
  size_t connections = 8;                // at once
  bool fresh = false;                    // a new connection for each request
  uint64_t timeout_ns = 10'000'000'000;  // from the intended start; then it has failed
  std::string netns;                     // a path: sockets of that network namespace
};

struct Answered {
  stats::Sketch latency;          // ns from the intended start, of requests that were answered well
  uint64_t sent = 0, failed = 0;  // sent: were to be
};

class LatencyProbe {
 public:
  // InvalidArgument, NotFound, PermissionDenied: with what is wrong.  A target that does not answer is none
  // of these: its requests fail.
  static absl::StatusOr<std::unique_ptr<LatencyProbe>> start(const ProbeOptions& options);
  ~LatencyProbe();
  Answered take();  // since the last one
  // Asks no more, waits for what was asked until its time is up, and counts the rest as failed.
  void finish();

 private:
  class Asker;
  explicit LatencyProbe(std::unique_ptr<Asker> asker);
  std::unique_ptr<Asker> asker_;
};

}  // namespace outrigger::measure
