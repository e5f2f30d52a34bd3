// Two looks at the kernel's counters make the rates and shares of a window.
#pragma once

#include "measure/measurement.h"
#include "procfs/host.h"

namespace outrigger::measure {

// Fills the fields of `window` that come from them; seconds > 0.  A CPU that is in one look only, or whose
// counters stood still (it was off), is left out; a counter that went back counts as having stood.
void add_differences(const procfs::HostCounts& before, const procfs::HostCounts& after, double seconds,
                     Window& window);

}  // namespace outrigger::measure
