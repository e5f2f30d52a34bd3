// Memory, CPU and number of processes of a sidecar, by cgroups of either version.  Where a controller is
// missing the sidecar runs without that limit, and it is said so: a limit that is believed in and not there
// is worse.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "dpu/sidecar/bundle.h"

namespace outrigger::agent {

struct LimitsReport {
  std::vector<std::string> enforced;      // "memory 128 MiB (cgroup v1)"
  std::vector<std::string> not_enforced;  // "cpu: no such controller"
};

class Cgroup {
 public:
  // `root` is where cgroups are mounted; `name` one word.
  Cgroup(std::string root, std::string name) : root_(std::move(root)), name_(std::move(name)) {}

  LimitsReport make(const Limits& limits);  // again: sets the limits anew
  absl::Status enter(int pid);              // into what make() made
  void remove();                            // once it is empty

 private:
  void apply(const std::string& folder, const std::string& version, const std::string& controller,
             const std::string& what, const std::vector<std::pair<std::string, std::string>>& values,
             LimitsReport& report);
  std::string root_;
  std::string name_;
  std::vector<std::string> folders_;
};

}  // namespace outrigger::agent
