// Services against each other, and everything else against what the health probes need for themselves.
#include <algorithm>
#include <array>

#include "manifest/inventory.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

using Task = Service::Task;

struct BuiltIn {
  std::string_view name;
  Task task;
};
// The engine has one of each, so each has one contract, under its own name.
constexpr std::array kBuiltIns = {BuiltIn{"policy", Task::kPolicy}, BuiltIn{"overlay", Task::kOverlay},
                                  BuiltIn{"vswitch", Task::kVirtualSwitch}};
// Parts of the node that are probed without a contract; a service of their name would hide them.
constexpr std::array<std::string_view, 4> kTaken = {"engine", "store", "ports", "agent"};

void check_name(const Entry<Service>& entry, Faults& faults) {
  const Service& service = *entry.object;
  if (std::find(kTaken.begin(), kTaken.end(), service.meta.name) != kTaken.end()) {
    return faults.add(entry, "metadata.name",
                      cat("is ", service.meta.name, ", a part of every node; take another name"));
  }
  for (const BuiltIn& one : kBuiltIns) {
    if (one.task == service.task && one.name != service.meta.name) {
      return faults.add(entry, "metadata.name",
                        cat("must be ", one.name, ": a node has one service of task ", text(one.task)));
    }
    if (one.name == service.meta.name && one.task != service.task) {
      return faults.add(
          entry, "spec.task",
          cat("is ", text(service.task), ", must be ", text(one.task), " in the service called ", one.name));
    }
  }
}

}  // namespace

void check_services(const Inventory& inventory, Faults& faults) {
  for (const Entry<Service>& entry : inventory.services) check_name(entry, faults);
  for (const Entry<Network>& entry : inventory.networks) {
    if (entry.object->vni != kHealthVni) continue;
    faults.add(entry, "spec.vni", cat("is ", kHealthVni, ", which carries the health probes; take another"));
  }
}

}  // namespace outrigger::manifest
