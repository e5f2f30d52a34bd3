#include "ports/pool.h"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/demands.h"
#include "engine/shared.h"

namespace outrigger::ports {

namespace {

constexpr unsigned kCache = 256;  // of each worker

void put_back(rte_mempool* pool, void* ring, void* buffer, unsigned index) {
  rte_pktmbuf_init(pool, nullptr, buffer, index);
  (void)rte_ring_enqueue(static_cast<rte_ring*>(ring), buffer);
}

}  // namespace

absl::StatusOr<rte_mempool*> make_pool(uint32_t buffers) {
  rte_mempool* const pool =
      rte_pktmbuf_pool_create(kPoolName, buffers, kCache, engine::kBufferPrivate,
                              RTE_PKTMBUF_HEADROOM + engine::kBufferRoom, SOCKET_ID_ANY);
  if (pool != nullptr) return pool;
  return absl::ResourceExhaustedError(absl::StrCat(buffers, " packet buffers do not fit (",
                                                   rte_strerror(rte_errno),
                                                   "): give more --memory or fewer --buffers"));
}

uint64_t in_use(const rte_mempool* pool) { return rte_mempool_in_use_count(pool); }

// The default pool is a ring of pointers (ring_mp_mc).  One who dies between moving its head and its tail
// leaves everyone else waiting for the tail for ever.
void reset_pool(rte_mempool* pool) {
  rte_ring_reset(static_cast<rte_ring*>(pool->pool_data));
  for (unsigned lcore = 0; pool->local_cache != nullptr && lcore < RTE_MAX_LCORE; ++lcore)
    pool->local_cache[lcore].len = 0;
}

uint64_t repair_pool(rte_mempool* pool) {
  auto* const ring = static_cast<rte_ring*>(pool->pool_data);
  uint64_t there = rte_ring_count(ring);
  for (unsigned lcore = 0; pool->local_cache != nullptr && lcore < RTE_MAX_LCORE; ++lcore)
    there += pool->local_cache[lcore].len;
  reset_pool(pool);
  (void)rte_mempool_obj_iter(pool, put_back, ring);
  return pool->size - std::min<uint64_t>(pool->size, there);
}

}  // namespace outrigger::ports
