// Who has the queues, and how they pass from one engine to another: asked for between two bursts, or taken
// from a dead one.  The rule that everything rests on: nobody is given what another process may still touch,
// so a hung engine is killed and its death confirmed (pidfd) before its buffers and queues are.
// Thread-safety: any thread; one change at a time.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "engine/node_memory.h"
#include "ports/events.h"
#include "ports/roster.h"

namespace outrigger::ports {

// Names an engine's pidfd among what watchers keep: "engine SLOT PID VERSION INSTANCE".
std::string kept_name(const Member& engine);

class Takeover {
 public:
  // Recovers every packet buffer when no living engine holds one; returns how many were not in the pool.
  using Repair = std::function<uint64_t()>;

  Takeover(Roster& roster, Events& events, Repair repair)
      : roster_(roster), events_(events), repair_(std::move(repair)) {}

  // Before any of the following; it outlives this.
  void use(const engine::NodeMemory& memory);

  // An engine is to have this slot, which nobody had: what is still in its name is a dead one's.
  void vacate(uint32_t slot);
  // The engine wants ports: it gets the queues when nobody has them, or nobody has them all.
  void ready(uint32_t slot);
  absl::StatusOr<engine::v1::SwapReply> swap(uint32_t to);
  // It gives no sign of life any more: ends it and puts its heir in its place.
  void stalled(const Member& engine, double milliseconds);
  // Its process has ended; the last sign of life was `milliseconds` ago.
  void ended(const Member& engine, double milliseconds = 0);

 private:
  [[nodiscard]] bool owns_any(uint32_t slot) const;
  [[nodiscard]] uint32_t owner_besides(uint32_t slot) const;
  [[nodiscard]] bool here(const Member& engine) const;
  void hand_to(uint32_t slot) const;
  void forget(const Member& engine);
  bool kill(const Member& engine) const;
  void succeed(const Member& dead, SteadyTime noticed);
  void tell(engine::v1::PortsEvent::Kind kind, const Member& engine, double milliseconds = 0,
            const std::string& detail = "");

  Roster& roster_;
  Events& events_;
  Repair repair_;
  std::mutex mutex_;                            // held for a whole change
  const engine::NodeMemory* memory_ = nullptr;  // under mutex_
};

}  // namespace outrigger::ports
