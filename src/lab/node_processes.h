// A node's processes outlive each other on purpose: engines and ports go on without the agent.  So a pid file
// of the agent does not find them all.  What belongs to a node is whatever runs in its namespace, and every
// outrigger program that was started with the node's folder.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lab/process.h"

namespace outrigger::lab {

struct NodeProcess {
  ProcessId id;
  std::string program;  // file name of what it runs
};

// `folder`: as given to the node's programs by argument or environment.
std::vector<NodeProcess> node_processes(const std::string& netns, const std::string& folder);

// SIGTERM, SIGKILL after `grace` (at once when that is zero), until none is left: one may start others while
// it ends.
void end_node_processes(const std::string& netns, const std::string& folder, absl::Duration grace);

}  // namespace outrigger::lab
