// Where a sampler's thread runs.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"

namespace outrigger::measure {

std::vector<uint32_t> usable_cpus();  // by this thread
// InvalidArgument, naming those that are, when it is none of them.
absl::Status check_usable(uint32_t cpu);
bool pin(pthread_t thread, uint32_t cpu);

}  // namespace outrigger::measure
