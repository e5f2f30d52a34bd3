// DPDK's environment: started once a process, from options in our words.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace outrigger::engine {

struct EalOptions {
  bool huge_pages = false;
  unsigned memory_mib = 256;
  std::vector<std::string> extra;
};

// Unavailable, with the way out, when memory or rights are missing.
absl::Status start_eal(const EalOptions& options);

// With every argument given, the program's name first.
absl::Status start_eal(std::vector<std::string> arguments);

}  // namespace outrigger::engine
