#include "manifest/check.h"

#include <algorithm>

#include "manifest/inventory.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

// Sorts one object into the inventory.
struct Sorter {
  Inventory& inventory;
  std::string label;

  void operator()(const Node& node) {
    inventory.node_by_name.emplace(node.meta.name, &node);
    inventory.nodes.push_back({&node, std::move(label)});
  }
  void operator()(const Network& network) {
    inventory.network_by_name.emplace(network.meta.name, &network);
    inventory.networks.push_back({&network, std::move(label)});
  }
  void operator()(const Endpoint& endpoint) { inventory.endpoints.push_back({&endpoint, std::move(label)}); }
  void operator()(const AdminPolicy& policy) {
    inventory.admin_policies.push_back({&policy, std::move(label)});
  }
  void operator()(const Service& service) { inventory.services.push_back({&service, std::move(label)}); }
  void operator()(const Namespace&) {}
  void operator()(const Pod&) {}
  void operator()(const NetworkPolicy&) {}
};

Inventory sort_out(const std::vector<const Object*>& objects, Faults& faults) {
  Inventory inventory;
  absl::flat_hash_map<std::string, const Object*> seen;
  seen.reserve(objects.size());
  for (const Object* object : objects) {
    std::string label = name(*object);
    const auto [earlier, fresh] = seen.emplace(label, object);
    if (fresh) {
      std::visit(Sorter{inventory, std::move(label)}, *object);
    } else {
      faults.add(*object, cat("is defined twice, first as ", other(label, metadata(*earlier->second)),
                              "; remove or rename one"));
    }
  }
  return inventory;
}

}  // namespace

void Faults::add(const Object& object, std::string problem) {
  faults_.push_back({metadata(object).at, name(object), "", std::move(problem)});
}

std::string other(std::string_view label, const Metadata& meta) {
  if (meta.at.file.empty()) return std::string(label);
  return cat(label, " (", meta.at.file, ":", meta.at.line, ")");
}

void check_admin_policies(const Inventory& inventory, Faults& faults) {
  absl::flat_hash_map<uint32_t, const Entry<AdminPolicy>*> by_priority;
  for (const Entry<AdminPolicy>& entry : inventory.admin_policies) {
    const AdminPolicy& policy = *entry.object;
    if (policy.baseline) {
      if (policy.meta.name != "default")
        faults.add(entry, "metadata.name", "must be default; there is one baseline");
      continue;
    }
    const auto [earlier, fresh] = by_priority.emplace(policy.priority, &entry);
    if (fresh) continue;
    faults.add(entry, "spec.priority",
               cat("is ", policy.priority, ", as in ", other(*earlier->second),
                   "; which of the two comes first would be left open, give one another priority"));
  }
}

std::vector<Fault> check(const std::vector<const Object*>& objects) {
  Faults faults;
  const Inventory inventory = sort_out(objects, faults);
  check_nodes(inventory, faults);
  check_networks(inventory, faults);
  check_mtu(inventory, faults);
  check_endpoints(inventory, faults);
  check_admin_policies(inventory, faults);
  check_services(inventory, faults);
  return faults.take();
}

}  // namespace outrigger::manifest
