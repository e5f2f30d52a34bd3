// Which service a process is part of: systemd's unit or the container that its control group names, or else
// its program, apart for each network that it runs in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inventory/look.h"

namespace outrigger::inventory {

struct Group {
  std::string name;     // unique among the groups
  std::string unit;     // "frr.service"
  std::string cgroup;   // of unit or container; "": they share it with others
  bool kernel = false;  // threads of the kernel
  std::vector<const Seen*> members;
};

// In the order of their first process.  `look` outlives them.
std::vector<Group> group(const Look& look);

struct Home {                         // what a control group is called for
  std::string unit, container, path;  // path: up to the part that names it
};
Home home_of(std::string_view cgroup);

}  // namespace outrigger::inventory
