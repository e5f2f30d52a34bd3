// The application's side of an endpoint: a namespace whose eth0 is what an unmodified guest would find.
#pragma once

#include "absl/status/status.h"
#include "lab/netns.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {

// For devices that are yet to come: no waiting for duplicate address detection, router advertisements only
// with `dhcp`.
Settings guest_settings(bool dhcp);

// Addresses, MAC, MTU and routes of eth0, unless they are as saved already.  With `dhcp`, a DHCPv4 client
// asks for them.
absl::Status set_up_guest(const State& state, const PlannedEndpoint& endpoint, bool dhcp);

}  // namespace outrigger::lab
