// A group of processes, or a piece of the kernel's work, as a service of the inventory.
#pragma once

#include <vector>

#include "inventory/classify.h"
#include "inventory/groups.h"
#include "inventory/kernel_work.h"
#include "offload/inventory.h"

namespace outrigger::inventory {

struct Described {
  offload::Service service;    // without noise
  const Rule* rule = nullptr;  // that classified it; null: none did
};

// Privileges are those of all its processes together.  Of several rules the first one decides.
Described describe(const Group& group, const Look& look, const std::vector<Rule>& rules);
Described describe(const KernelWork& work, const std::vector<Rule>& rules);
// eBPF programs that no process holds, one service a type.
std::vector<Described> describe(const std::vector<BpfProgram>& unheld, const std::vector<Rule>& rules);

// "NET_ADMIN"; of those who have nearly all: "ALL", "ALL but SYS_RESOURCE".  `last`: the kernel's last one.
std::vector<std::string> capability_names(uint64_t mask, uint32_t last);

}  // namespace outrigger::inventory
