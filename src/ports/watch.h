// The thread that notices: an engine that died, a worker that hangs.  It does nothing that can wait for
// somebody else: no DPDK call that talks to engines, no socket.
#pragma once

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "engine/node_memory.h"
#include "ports/beats.h"
#include "ports/roster.h"
#include "ports/takeover.h"

namespace outrigger::ports {

class Watch {
 public:
  Watch(Roster& roster, Takeover& takeover, Events& events, const BeatLimits& limits)
      : roster_(roster), takeover_(takeover), events_(events), limits_(limits) {}
  ~Watch();

  // Deaths alone until use().
  void start();
  void stop();  // before anything that it looks at is gone
  void use(const engine::NodeMemory& memory) { memory_.store(&memory); }
  // Since worker `worker` gave a sign of life, in ms.  Any thread.
  [[nodiscard]] double silent_ms(unsigned worker) const { return silent_us_[worker].load() / 1000.0; }

 private:
  void run();
  void wait_and_bury();
  void look_at_beats(const engine::NodeMemory& memory, SteadyTime now);
  [[nodiscard]] double silent_ms_of(uint32_t slot) const;
  void starved(const Member& engine, std::chrono::nanoseconds silent);

  Roster& roster_;
  Takeover& takeover_;
  Events& events_;
  BeatLimits limits_;
  std::atomic<const engine::NodeMemory*> memory_{nullptr};
  std::array<std::atomic<uint64_t>, engine::kMaxWorkers> silent_us_{};
  std::vector<BeatJudge> judges_;  // by worker
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace outrigger::ports
