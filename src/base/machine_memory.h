// What memory this machine has to give just now.
#pragma once

#include <cstdint>

namespace outrigger {

uint64_t free_huge_mib();        // reserved 2 MiB pages that nobody uses; 0 where there are none
uint64_t available_mib();        // MemAvailable
uint64_t obtainable_huge_mib();  // the free ones, and those that could be reserved without starving anybody

// Faults in what this process has mapped by now, up to 16 MiB a mapping: code, data, small heaps.  For those
// whose first millisecond of work matters.
void touch_own_memory();

}  // namespace outrigger
