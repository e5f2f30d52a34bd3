// An endpoint is moved by a few lines for `ip -batch`, in a namespace of its own: a process each, and a host
// with a hundred endpoints spends seconds on starting processes while nobody carries its packets.  Here the
// same lines are said to the kernel directly.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace outrigger::host {

// As ip_batch(), up to the first line that fails, which the error names.  It knows the lines of guest.h:
//   link set DEVICE up|down|mtu N|address MAC
//   addr flush dev DEVICE
//   addr replace ADDRESS/LENGTH dev DEVICE [nodad]
//   route replace PREFIX|default [via ADDRESS] dev DEVICE [metric N]
// InvalidArgument: any other.
absl::Status ip_lines(const std::string& netns, const std::string& lines);

}  // namespace outrigger::host
