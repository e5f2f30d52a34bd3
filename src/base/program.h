// How every program of ours that runs for long begins.
#pragma once

#include "base/descriptor.h"

namespace outrigger {

// SIGTERM and SIGINT are waited for, not handled: every thread started later inherits the block.  Readable
// when one has come.
Descriptor block_signals();

// As many open files as this process may have: a tap is a descriptor for each worker.
void allow_descriptors();

// On a CPU that several share, who moves packets goes first, and who prepares goes last.
enum class Rank : int { kFirst = -20, kOrdinary = 0, kLast = 19 };  // as nice values
// The calling thread alone; those that it starts inherit it.  Up takes CAP_SYS_NICE; without it nothing
// changes.
void take_rank(Rank rank);

}  // namespace outrigger
