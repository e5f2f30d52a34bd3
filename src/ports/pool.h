// The packet buffers of the node: made here, used by whichever engine is active, and made whole again when it
// died with some in its hands, or in the middle of taking one.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

struct rte_mempool;

namespace outrigger::ports {

inline constexpr char kPoolName[] = "outrigger_buffers";

absl::StatusOr<rte_mempool*> make_pool(uint32_t buffers);
uint64_t in_use(const rte_mempool* pool);

// Empties ring and caches, whatever state the dead left them in.  Until repair_pool() it has no buffers.
void reset_pool(rte_mempool* pool);
// Puts every buffer back, as new.  Only while nobody else uses the pool.  Returns how many had been missing.
uint64_t repair_pool(rte_mempool* pool);

}  // namespace outrigger::ports
