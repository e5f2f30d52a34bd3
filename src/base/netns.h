// Work inside another network namespace than the process's own.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace outrigger {

// "red" is /run/netns/red, as `ip netns` has it; whatever has a slash is a path already.
std::string netns_path(const std::string& name);

// On a thread of its own: a namespace entered is left by ending.  An empty path: where the process is.
// Why it cannot be entered (NotFound, PermissionDenied, ...), else what `work` says.
absl::Status inside_netns(const std::string& path, const std::function<absl::Status()>& work);

}  // namespace outrigger
