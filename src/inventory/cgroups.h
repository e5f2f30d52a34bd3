// What the control groups of a process allow it and how much it is held up there.  Hosts have version 2,
// version 1, or both at once; each controller is in one of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "procfs/process.h"

namespace outrigger::inventory {

struct Pressure {  // share of time in which some task waited; linux/Documentation/accounting/psi.rst
  double cpu = 0, memory = 0, io = 0;
};

class Cgroups {
 public:
  // Where they are mounted, from ROOT/self/mounts.
  explicit Cgroups(const std::string& root = "/proc");

  [[nodiscard]] bool seen() const { return !unified_.empty() || !cpu_.empty(); }
  // CPUs that the process may use at most, by its group or one above it; nullopt: no limit.
  [[nodiscard]] std::optional<double> cpu_limit(const procfs::Process& process) const;
  // Of the last minute; nullopt: no version 2, the root group, or a kernel that does not count it.
  [[nodiscard]] std::optional<Pressure> pressure(const std::string& cgroup) const;

 private:
  std::string unified_, cpu_;  // mount points; empty: none
  // Many processes share few groups.
  mutable std::map<std::string, std::optional<double>> limits_;
};

std::optional<double> parse_cpu_max(std::string_view text);  // "max 100000" is none, "50000 100000" is 0.5
std::optional<double> parse_avg60(std::string_view text);    // of the line "some", as a share

}  // namespace outrigger::inventory
