#include "engine/shared.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "engine/demands.h"

namespace outrigger::engine {

namespace {

constexpr unsigned kBufferCache = 256;
constexpr unsigned kRingSize = 4096;

constexpr unsigned kLetters = 512;
constexpr unsigned kProbeLetters = 64;

bool make_rings(Shared& shared, unsigned workers) {
  constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  bool made = shared.to_control.make(kLetters) && shared.from_control.make(kLetters) &&
              shared.from_probes.make(kProbeLetters);
  shared.hand_over.resize(workers);
  for (unsigned from = 0; from < workers; ++from) {
    shared.arrivals.push_back(std::make_unique<LetterBox>());
    made &= shared.arrivals.back()->make(kProbeLetters);
    for (unsigned to = 0; to < workers; ++to) {
      rte_ring* const ring = from == to ? nullptr : make_own_ring(kRingSize, kOneToOne);
      made &= from == to || ring != nullptr;
      shared.hand_over[from].push_back(ring);
    }
  }
  return made;
}

void drain_ring(rte_ring* ring) {
  rte_mbuf* packet = nullptr;
  while (ring != nullptr && rte_ring_dequeue(ring, reinterpret_cast<void**>(&packet)) == 0)
    rte_pktmbuf_free(packet);
}

}  // namespace

absl::Status Shared::make_buffers(uint32_t count) {
  buffers = rte_pktmbuf_pool_create("buffers", count, kBufferCache, kBufferPrivate,
                                    RTE_PKTMBUF_HEADROOM + kBufferRoom, SOCKET_ID_ANY);
  own_buffers = buffers != nullptr;
  if (own_buffers) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(count, " packet buffers do not fit: give more memory or fewer buffers"));
}

absl::Status Shared::make(unsigned workers) {
  const size_t size = rte_rcu_qsbr_get_memsize(workers);
  qsbr = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, size));
  if (qsbr == nullptr || rte_rcu_qsbr_init(qsbr, workers) != 0) {
    return absl::ResourceExhaustedError("no memory for quiescent-state bookkeeping");
  }
  return make_rings(*this, workers) ? absl::OkStatus() : absl::ResourceExhaustedError("no memory for rings");
}

void Shared::drain() {
  for (const auto& row : hand_over) {
    for (rte_ring* ring : row) drain_ring(ring);
  }
}

Shared::~Shared() {
  drain();
  for (const auto& row : hand_over) {
    for (rte_ring* ring : row) std::free(ring);
  }
  if (own_buffers) rte_mempool_free(buffers);
  std::free(qsbr);
}

}  // namespace outrigger::engine
