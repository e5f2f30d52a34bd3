#include "engine/shared.h"

#include <rte_cycles.h>
#include <rte_malloc.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/demands.h"

namespace outrigger::engine {

namespace {

constexpr unsigned kBufferCache = 256;
constexpr unsigned kRingSize = 4096;

rte_ring* make_ring(const std::string& name, unsigned flags) {
  return rte_ring_create(name.c_str(), kRingSize, SOCKET_ID_ANY, flags);
}

bool make_rings(Shared& shared, unsigned workers) {
  constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  shared.to_control = make_ring("to_control", RING_F_SC_DEQ);
  bool made = shared.to_control != nullptr;
  shared.hand_over.resize(workers);
  for (unsigned from = 0; from < workers; ++from) {
    shared.from_control.push_back(make_ring(absl::StrCat("from_control", from), kOneToOne));
    made &= shared.from_control.back() != nullptr;
    for (unsigned to = 0; to < workers; ++to) {
      rte_ring* const ring =
          from == to ? nullptr : make_ring(absl::StrCat("hand_over", from, "_", to), kOneToOne);
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

absl::Status Shared::make(unsigned workers, uint32_t buffer_count) {
  start_cycles = rte_rdtsc();
  cycles_per_tick = rte_get_tsc_hz() / kTicksPerSecond;
  buffers = rte_pktmbuf_pool_create("buffers", buffer_count, kBufferCache, kBufferPrivate,
                                    RTE_PKTMBUF_HEADROOM + kBufferRoom, SOCKET_ID_ANY);
  if (buffers == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat(buffer_count, " packet buffers do not fit: give more memory or fewer buffers"));
  }
  const size_t size = rte_rcu_qsbr_get_memsize(workers);
  qsbr = static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", size, RTE_CACHE_LINE_SIZE));
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
  drain_ring(to_control);
}

Shared::~Shared() {
  drain();
  for (const auto& row : hand_over) {
    for (rte_ring* ring : row) rte_ring_free(ring);
  }
  for (rte_ring* ring : from_control) rte_ring_free(ring);
  rte_ring_free(to_control);
  rte_mempool_free(buffers);
  rte_free(qsbr);
}

}  // namespace outrigger::engine
