// What engines are told of a state.
#pragma once

#include <cstdint>
#include <string>

#include "dpu/objects.h"

namespace outrigger::agent {

// A 64-bit name of what is compiled, the same for the same content whatever process computes it.
uint64_t digest_of(const compiler::Compiled& compiled);
// All of it, as one serialised update.
std::string whole_update(const Snapshot& snapshot);
// What differs from `from`; everything when the engine holds nothing of ours.
std::string update_for(const Snapshot& next, const Snapshot* from);

}  // namespace outrigger::agent
