// DPDK as the primary process: its memory fixed at start, so that it never has to ask engines, of which one
// may hang, to map more.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace outrigger::ports {

struct Environment {
  std::string folder;  // of its runtime files
  std::string huge_folder;
  std::string prefix;
  unsigned memory_mib = 128;
  std::vector<std::string> extra;
};

[[nodiscard]] bool names_pci_device(const std::vector<std::string>& eal);
absl::Status start_environment(const Environment& environment);

}  // namespace outrigger::ports
