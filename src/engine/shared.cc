#include "engine/shared.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "engine/demands.h"

namespace outrigger::engine {

namespace {

constexpr unsigned kBufferCache = 256;
constexpr unsigned kRingSize = 4096;

constexpr unsigned kProbeRingSize = 64;  // what nobody fetches must not take the buffers

rte_ring* make_ring(unsigned flags, unsigned size = kRingSize) {
  const auto bytes = static_cast<size_t>(rte_ring_get_memsize(size));
  auto* const ring = static_cast<rte_ring*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes));
  if (ring != nullptr && rte_ring_init(ring, "own", size, flags) == 0) return ring;
  std::free(ring);
  return nullptr;
}

bool make_rings(Shared& shared, unsigned workers) {
  constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  shared.to_control = make_ring(RING_F_SC_DEQ);
  shared.from_probes = make_ring(RING_F_SC_DEQ, kProbeRingSize);
  bool made = shared.to_control != nullptr && shared.from_probes != nullptr;
  shared.hand_over.resize(workers);
  for (unsigned from = 0; from < workers; ++from) {
    shared.from_control.push_back(make_ring(kOneToOne));
    shared.arrivals.push_back(make_ring(RING_F_SC_DEQ, kProbeRingSize));
    made &= shared.from_control.back() != nullptr && shared.arrivals.back() != nullptr;
    for (unsigned to = 0; to < workers; ++to) {
      rte_ring* const ring = from == to ? nullptr : make_ring(kOneToOne);
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
  for (rte_ring* ring : from_control) drain_ring(ring);
  for (rte_ring* ring : arrivals) drain_ring(ring);
  drain_ring(to_control);
  drain_ring(from_probes);
}

Shared::~Shared() {
  drain();
  for (const auto& row : hand_over) {
    for (rte_ring* ring : row) std::free(ring);
  }
  for (rte_ring* ring : from_control) std::free(ring);
  for (rte_ring* ring : arrivals) std::free(ring);
  std::free(to_control);
  std::free(from_probes);
  if (own_buffers) rte_mempool_free(buffers);
  std::free(qsbr);
}

}  // namespace outrigger::engine
