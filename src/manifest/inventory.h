// The objects of a desired state by kind and name, for the checks that look across them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "manifest/objects.h"

namespace outrigger::manifest {

// An object of one kind, with what a fault says about it.
template <typename T>
struct Entry {
  const T* object = nullptr;
  std::string label;  // "Endpoint shop/web-1"
};

// In the order given; of objects with one name only the first is kept.
struct Inventory {
  std::vector<Entry<Node>> nodes;
  std::vector<Entry<Network>> networks;
  std::vector<Entry<Endpoint>> endpoints;
  std::vector<Entry<AdminPolicy>> admin_policies;
  std::vector<Entry<Service>> services;
  absl::flat_hash_map<std::string, const Node*> node_by_name;
  absl::flat_hash_map<std::string, const Network*> network_by_name;
};

class Faults {
 public:
  template <typename T>
  void add(const Entry<T>& entry, std::string field, std::string problem) {
    faults_.push_back({entry.object->meta.at, entry.label, std::move(field), std::move(problem)});
  }
  void add(const Object& object, std::string problem);
  [[nodiscard]] std::vector<Fault> take() { return std::move(faults_); }

 private:
  std::vector<Fault> faults_;
};

// "Endpoint shop/db-2 (b.yaml:14)": the other object of a conflict.
std::string other(std::string_view label, const Metadata& meta);

template <typename T>
std::string other(const Entry<T>& entry) {
  return other(entry.label, entry.object->meta);
}

// A family of checks each.
void check_nodes(const Inventory& inventory, Faults& faults);
void check_networks(const Inventory& inventory, Faults& faults);
void check_mtu(const Inventory& inventory,
               Faults& faults);  // and that the nodes of a network can reach each other
void check_endpoints(const Inventory& inventory, Faults& faults);
void check_admin_policies(const Inventory& inventory, Faults& faults);
void check_services(const Inventory& inventory, Faults& faults);  // and that nobody uses what probes need

// Network and broadcast address of an IPv4 subnet, which no interface may own: "the broadcast address", or
// "".
std::string_view reserved(const IpPrefix& cidr, IpAddress address);

}  // namespace outrigger::manifest
