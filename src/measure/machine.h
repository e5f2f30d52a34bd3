// Which machine this is, so that nobody compares a before and an after of two.
#pragma once

#include "measure/measurement.h"

namespace outrigger::measure {

Machine this_machine();

}  // namespace outrigger::measure
