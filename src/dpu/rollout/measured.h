// What a rollout's effect is judged by: what the host measured, window by window, and what this node counted
// in each second.  An agent's is observations.h; a test makes it up.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stats/sketch.h"

namespace outrigger::agent {

struct HostWindow {
  absl::Time start;  // by steady_time()
  absl::Duration length;
  stats::Sketch latency;          // ns, of the application's answered requests
  uint64_t sent = 0, failed = 0;  // requests
};

// A second of this node.  Drops and incidents come in bursts, so that seconds with any are counted, not they.
struct NodeSecond {
  absl::Time start;
  bool dropped = false;   // for want of something of ours: engine and session reasons, no verdicts
  bool incident = false;  // something began that nobody ordered
};

struct Measured {
  std::vector<HostWindow> windows;  // in time order, as all below
  std::vector<NodeSecond> seconds;
};

class Measurements {
 public:
  virtual ~Measurements() = default;
  // What lies wholly between the two.  Thread-safety: any thread.
  [[nodiscard]] virtual Measured between(absl::Time from, absl::Time to) const = 0;
};

// As a note of the store, so that what was before a change outlives the agent; without times, which a later
// agent's clock would not know.
std::string to_note(const Measured& measured);
absl::StatusOr<Measured> from_note(const std::string& note);

}  // namespace outrigger::agent
