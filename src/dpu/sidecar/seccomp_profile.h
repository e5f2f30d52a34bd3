// What no agent has any business calling: the kernel's own affairs, other processes, mounts and namespaces.
// Everything else is allowed: what bounds an agent is, first of all, its capabilities and its view of the
// node.
#pragma once

#include <nlohmann/json.hpp>

namespace outrigger::agent {

nlohmann::ordered_json seccomp_profile();  // linux.seccomp of a runtime-spec config

}  // namespace outrigger::agent
