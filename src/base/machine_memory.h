// What memory this machine has to give just now.
#pragma once

#include <cstdint>

namespace outrigger {

uint64_t free_huge_mib();        // reserved 2 MiB pages that nobody uses; 0 where there are none
uint64_t available_mib();        // MemAvailable
uint64_t obtainable_huge_mib();  // the free ones, and those that could be reserved without starving anybody

}  // namespace outrigger
