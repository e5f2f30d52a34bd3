// What the threads of one engine share: the publication, the packet buffers and the rings between them.  All
// but the buffers lies in the process's own memory: what it did not name in DPDK's shared lists nobody must
// clean up after it.
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/program.h"
#include "engine/burst.h"
#include "engine/letter_box.h"
#include "engine/node_memory.h"
#include "engine/published.h"

namespace outrigger::engine {

inline constexpr uint16_t kBufferPrivate = (sizeof(HandOver) + 63) / 64 * 64;

// How far a worker is with letting go; the others wait for it before they empty the rings between them.
enum class Phase : uint8_t { kAbsent, kServing, kLeaving };

// What the workers of one engine have in common.
struct Shared {
  Shared() = default;
  ~Shared();  // after the workers and the ports
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  // Rings and quiescent-state bookkeeping for `workers`.
  absl::Status make(unsigned workers);
  // Buffers of our own (solo).  ResourceExhausted says what did not fit.
  absl::Status make_buffers(uint32_t count);
  // Frees the packets that wait in rings.
  void drain();

  std::atomic<const Published*> published{nullptr};
  rte_rcu_qsbr* qsbr = nullptr;
  rte_mempool* buffers = nullptr;
  bool own_buffers = false;
  std::vector<std::vector<rte_ring*>> hand_over;           // [from][to]; null on the diagonal
  LetterBox to_control;                                    // ARP and ND from the fabric
  LetterBox from_control;                                  // frames to send; worker 0 does
  LetterBox from_probes;                                   // what left by probe ports, and when (TSC)
  std::vector<std::unique_ptr<LetterBox>> arrivals;        // by worker: frames as if received at probe ports
  std::array<std::atomic<uint8_t>, kMaxWorkers> phases{};  // Phase, of each worker
  std::atomic<bool> stop{false};
  bool always_poll = false;
  std::unique_ptr<ProcessRank> rank;  // null in solo mode
};

}  // namespace outrigger::engine
