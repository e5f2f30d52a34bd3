// Where the DPU may be knocked at.
#pragma once

#include <vector>

#include "audit/probe.h"
#include "audit/settings.h"

namespace outrigger::audit {

// Those that are meant to be there: the link, and the APIs that other tests knock at.
std::vector<Endpoint> known_doors(const Settings& settings);
// Its addresses, each once.
std::vector<IpAddress> dpu_addresses(const Settings& settings);

}  // namespace outrigger::audit
