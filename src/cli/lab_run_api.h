// How `lab run` speaks to its lab: to the daemons, and to the audit, which is a program of the host's.
#pragma once

#include "cli/api.h"
#include "scenario/arm.h"

namespace outrigger::cli {

scenario::Api scenario_api(const Connect& connect);

}  // namespace outrigger::cli
