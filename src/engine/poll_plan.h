// Which worker polls which queue, and where each transmits: what a publication says of the ports.
#pragma once

#include <vector>

#include "engine/port_source.h"
#include "engine/published.h"

namespace outrigger::engine {

// With `wanted` only (the rest is about to be pruned).
void describe(const PortSource& ports, const std::vector<PortRequest>& wanted, unsigned workers,
              Published& published);

}  // namespace outrigger::engine
