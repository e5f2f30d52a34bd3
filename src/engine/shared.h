// What the threads of one engine share: the publication, the packet buffers and the rings between them.
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "engine/burst.h"
#include "engine/published.h"

namespace outrigger::engine {

inline constexpr uint16_t kBufferPrivate = (sizeof(HandOver) + 63) / 64 * 64;

// What the workers of one engine have in common.
struct Shared {
  Shared() = default;
  ~Shared();  // after the workers and the ports
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  // Buffers, rings and quiescent-state bookkeeping for `workers`.  ResourceExhausted says what did not fit.
  absl::Status make(unsigned workers, uint32_t buffer_count);
  // Frees the packets that wait in rings.
  void drain();

  std::atomic<const Published*> published{nullptr};
  rte_rcu_qsbr* qsbr = nullptr;
  rte_mempool* buffers = nullptr;
  rte_ring* to_control = nullptr;                 // copies of ARP and ND from the fabric
  std::vector<std::vector<rte_ring*>> hand_over;  // [from][to]; null on the diagonal
  std::vector<rte_ring*> from_control;            // frames to send, by worker: (mbuf, place in HandOver)
  std::atomic<bool> stop{false};
  bool always_poll = false;
  uint64_t cycles_per_tick = 1;
  uint64_t start_cycles = 0;
};

}  // namespace outrigger::engine
