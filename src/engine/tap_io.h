// Bursts between a tap's descriptor and packet buffers.  Nothing is kept between two calls, so whoever dies
// in one loses that burst and no more.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "engine/node_memory.h"

namespace outrigger::engine {

// How many of `packets` were filled.
uint16_t read_tap(int tap, rte_mempool* buffers, rte_mbuf** packets, uint16_t count, PortCounters& counters);

// How many were written, and freed; the rest is still the caller's.
uint16_t write_tap(int tap, rte_mbuf** packets, uint16_t count, PortCounters& counters);

}  // namespace outrigger::engine
