// A network namespace is made by a mount, and a process under Landlock can mount nothing.  So a small process
// is forked before the rest gives up its rights: it makes and removes namespaces whose names begin as it was
// told, knows nothing else, and ends with its parent.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "base/sandbox.h"

namespace outrigger::host {

// Before there are threads.  What that process gave up itself is added to `report`, behind "namespaces: ".
absl::Status start_netns_maker(const std::string& prefix, SandboxReport& report);

// By that process when there is one, else by this one.  Thread-safety: any thread.
absl::Status add_netns(const std::string& name);
absl::Status remove_netns(const std::string& name);

}  // namespace outrigger::host
