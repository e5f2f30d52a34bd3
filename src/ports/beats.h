// Whether a worker that gives no beat hangs, or only waits for its turn on a busy machine.  Killing the
// second kind makes matters worse; leaving the first kind alone stops the node's traffic.
//
// Theory of operation.  A beat that changes is life.  A resting worker (asleep until a packet comes) need not
// beat, unless the process is stopped.  Otherwise, after `stall` of silence, the kernel is asked: stopped, or
// running on a CPU for at least half of the time and still silent: it hangs.  No CPU time: it is starved, or
// blocked, and has until `starve`.
// A new owner first mends the sessions that a dead one left half changed, and may be silent for `starve`.
// Pure: time and the kernel's word are given.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "base/local_socket.h"
#include "engine/node_memory.h"
#include "ports/thread_state.h"

namespace outrigger::ports {

struct BeatLimits {
  std::chrono::nanoseconds stall = std::chrono::milliseconds(10);
  std::chrono::nanoseconds starve = std::chrono::milliseconds(200);
};

struct Look {
  uint32_t owner = engine::kNobody;
  uint32_t thread = 0;
  uint64_t beat = 0;
  engine::Doing doing = engine::Doing::kNothing;
};

enum class Verdict { kAlive, kStarved, kStalled };

// Of one worker.
class BeatJudge {
 public:
  using Kernel = std::function<std::optional<ThreadState>()>;

  explicit BeatJudge(const BeatLimits& limits) : limits_(limits) {}
  // `kernel` is asked only in doubt.  kStarved is said once for each silence.
  Verdict look(const Look& now, SteadyTime at, const Kernel& kernel);
  // Forgets what was measured: the watcher itself was not running.
  void restart(SteadyTime at);
  [[nodiscard]] std::chrono::nanoseconds silent(SteadyTime at) const;

 private:
  Verdict judge(const Look& now, SteadyTime at, const Kernel& kernel);
  [[nodiscard]] Verdict gone(SteadyTime at) const;

  BeatLimits limits_;
  Look last_;
  SteadyTime since_{};                // of the last sign of life
  SteadyTime owned_{};                // by this owner, since
  SteadyTime measured_{};             // when first_ was asked for
  std::optional<ThreadState> first_;  // at the beginning of a silence
  bool told_ = false;                 // starved
};

}  // namespace outrigger::ports
