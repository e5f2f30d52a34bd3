// Which services this host runs with privileges now, for a measurement.
#pragma once

#include "measure/measurement.h"

namespace outrigger::cli {

// Sets `privileged`, and notes what could not be seen.  Applications are none of them.
void look_for_privileged(measure::Measurement& into);

}  // namespace outrigger::cli
