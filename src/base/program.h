// How every program of ours that runs for long begins.
#pragma once

#include "base/descriptor.h"

namespace outrigger {

// SIGTERM and SIGINT are waited for, not handled: every thread started later inherits the block.  Readable
// when one has come.
Descriptor block_signals();

// As many open files as this process may have: a tap is a descriptor for each worker.
void allow_descriptors();

}  // namespace outrigger
