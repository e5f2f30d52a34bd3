// Network namespaces by name, as iproute2 keeps them in /run/netns.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lab/process.h"

namespace outrigger::lab {

std::vector<std::string> namespaces(const std::string& prefix);  // in name order
absl::Status add_namespaces(const std::vector<std::string>& names);
// Ends what runs in them first: a process keeps its namespace, and the devices in it, alive.
absl::Status remove_namespaces(const std::vector<std::string>& names);
std::vector<ProcessId> processes_in(const std::vector<std::string>& names);

// Runs `work` with this namespace's devices, sockets and /proc/sys/net, on a thread of its own.
absl::Status inside(const std::string& netns, const std::function<absl::Status()>& work);

std::vector<std::string> devices(const std::string& netns);  // none when there is no such namespace

// Kernel settings below /proc/sys/net: {"ipv6/conf/default/accept_dad", "0"}.  What the kernel lacks is left
// out.
using Settings = std::vector<std::pair<std::string, std::string>>;
absl::Status write_settings(const std::string& netns, const Settings& settings);

// Lines for `ip -batch` and `bridge -batch` in a namespace.
absl::Status ip_batch(const std::string& netns, std::string_view lines);
absl::Status bridge_batch(const std::string& netns, std::string_view lines);

}  // namespace outrigger::lab
