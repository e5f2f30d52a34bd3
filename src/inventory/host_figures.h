// What is true of the whole host: its name and size, and how busy it is.
#pragma once

#include <optional>
#include <string>

#include "offload/inventory.h"
#include "procfs/host.h"

namespace outrigger::inventory {

// Fills name, kernel, machine, time, CPUs, memory and the shares of CPU time: between two looks, or with one
// since the host was started.
void describe_host(const std::string& root, const std::optional<procfs::HostCounts>& before,
                   const procfs::HostCounts& now, offload::Inventory& to);

double uptime(const std::string& root);  // seconds; 0: unknown

}  // namespace outrigger::inventory
