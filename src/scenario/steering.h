// With network namespaces a packet's kernel work is done on the CPU of whoever sent it, so a load generator
// on the DPU's CPU would also do the host's receiving.  A host does its own: receive packet steering (RPS)
// gives what arrives at a host's and its guests' devices to the host's CPU, as its NIC's interrupt would, and
// what arrives elsewhere to the other.  A wire carries packets of its MTU, so nothing larger crosses the
// fabric.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "scenario/world.h"

namespace outrigger::scenario {

// Of all devices that there are now; they keep it for as long as they live.
absl::Status steer(const std::string& lab, const World& world);

}  // namespace outrigger::scenario
