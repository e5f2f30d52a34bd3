// Would the kernel path carry traffic?  It is asked every few seconds for as long as the host lives, so no
// program is started for it: the kernel is asked for what it has, and gateways for an echo.
#pragma once

#include "absl/status/status.h"
#include "host/world.h"

namespace outrigger::host {

// This host's own part: its tunnel address, and the rules of its tunnels.  Errors say what is missing.
absl::Status check_tunnels(const IpAddress& tunnel);
// Of one network, in its namespace: devices, rules, and gateways that answer.
absl::Status check_network(const std::string& netns, const NetworkWorld& network);

}  // namespace outrigger::host
