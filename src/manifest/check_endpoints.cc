// Endpoints against their node, their network and each other.
#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "manifest/inventory.h"
#include "manifest/syntax.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

constexpr size_t kHints =
    20;  // dangling references that get a "did you mean": each costs a look at every name
constexpr size_t kListed = 4;  // subnets named in a fault

class EndpointCheck {
 public:
  EndpointCheck(const Inventory& inventory, Faults& faults) : inventory_(inventory), faults_(faults) {
    const size_t size = inventory.endpoints.size();
    macs_.reserve(size);
    addresses_.reserve(2 * size);
  }

  void check(const Entry<Endpoint>& entry) {
    const Endpoint& endpoint = *entry.object;
    check_reference(entry, "spec.node", "Node", endpoint.node, inventory_.node_by_name);
    check_ports(entry);
    check_device(entry);
    if (!check_reference(entry, "spec.network", "Network", endpoint.network, inventory_.network_by_name))
      return;
    check_mac(entry);
    const Network& network = *inventory_.network_by_name.at(endpoint.network);
    for (const IpAddress& address : endpoint.addresses) {
      check_place(entry, network, address);
      check_owner(entry, addresses_, address, address.str());
    }
    for (const IpPrefix& prefix : endpoint.prefixes) check_owner(entry, prefixes_, prefix, prefix.str());
  }

 private:
  template <typename Key>
  using Owners =
      absl::flat_hash_map<std::pair<std::string_view, Key>, const Entry<Endpoint>*>;  // per network or node

  template <typename Names>
  bool check_reference(const Entry<Endpoint>& entry, std::string_view field, std::string_view kind,
                       const std::string& target, const Names& names) {
    if (names.contains(target)) return true;
    faults_.add(entry, std::string(field), cat(kind, " ", target, " does not exist", hint(target, names)));
    return false;
  }

  template <typename Names>
  std::string hint(const std::string& target, const Names& names) {
    if (hints_++ >= kHints) return "";
    std::vector<std::string_view> known;
    known.reserve(names.size());
    for (const auto& [name, object] : names) known.push_back(name);
    std::sort(known.begin(), known.end());
    const std::string_view meant = nearest(target, known);
    return meant.empty() ? "" : cat("; did you mean ", meant, "?");
  }

  void check_ports(const Entry<Endpoint>& entry) {
    absl::flat_hash_set<std::pair<std::string_view, Protocol>> seen;
    const std::vector<NamedPort>& ports = entry.object->ports;
    for (size_t i = 0; i < ports.size(); ++i) {
      if (seen.emplace(ports[i].name, ports[i].protocol).second) continue;
      faults_.add(entry, cat("spec.ports[", i, "].name"),
                  cat("is ", ports[i].name, ", which is already given for this protocol"));
    }
  }

  void check_device(const Entry<Endpoint>& entry) {
    const Endpoint& endpoint = *entry.object;
    if (endpoint.device.empty()) return;
    const auto [earlier, fresh] = devices_.emplace(
        std::pair<std::string_view, std::string_view>(endpoint.node, endpoint.device), &entry);
    if (fresh) return;
    faults_.add(entry, "spec.device",
                cat("is ", endpoint.device, ", which on node ", endpoint.node, " already belongs to ",
                    other(*earlier->second)));
  }

  void check_mac(const Entry<Endpoint>& entry) {
    const MacAddress mac = entry.object->mac;
    const auto [earlier, fresh] = macs_.emplace(std::pair(entry.object->network, mac), &entry);
    if (mac.is_zero() || mac.is_multicast()) {
      faults_.add(entry, "spec.mac", cat("is ", mac.str(), ", must be the MAC of one interface"));
    } else if (!fresh) {
      faults_.add(entry, "spec.mac", cat("MAC ", mac.str(), " already belongs to ", other(*earlier->second)));
    }
  }

  template <typename Key>
  void check_owner(const Entry<Endpoint>& entry, Owners<Key>& owners, const Key& key,
                   const std::string& text) {
    const auto [earlier, fresh] = owners.emplace(std::pair(entry.object->network, key), &entry);
    if (fresh) return;
    const bool itself = earlier->second == &entry;
    faults_.add(
        entry, "spec.addresses",
        itself ? cat(text, " is given twice") : cat(text, " already belongs to ", other(*earlier->second)));
  }

  void check_place(const Entry<Endpoint>& entry, const Network& network, IpAddress address) {
    bool family = false;
    for (const Subnet& subnet : network.subnets) {
      if (subnet.cidr.is_v4() != address.is_v4()) continue;
      family = true;
      if (subnet.cidr.contains(address)) return check_inside(entry, network, subnet, address);
    }
    const std::string where = other(cat("Network ", network.meta.name), network.meta);
    if (!family) {
      faults_.add(entry, "spec.addresses",
                  cat(address.str(), ": ", where, " has no ", address.is_v4() ? "IPv4" : "IPv6",
                      " subnet; add one or remove the address"));
    } else {
      faults_.add(entry, "spec.addresses",
                  cat(address.str(), " lies outside every subnet of ", where, ": ", subnets_of(network)));
    }
  }

  void check_inside(const Entry<Endpoint>& entry, const Network& network, const Subnet& subnet,
                    IpAddress address) {
    const std::string_view what = reserved(subnet.cidr, address);
    if (address == subnet.gateway) {
      faults_.add(entry, "spec.addresses",
                  cat(address.str(), " is the gateway of Network ", network.meta.name,
                      "; take another address of ", subnet.cidr.str()));
    } else if (!what.empty()) {
      faults_.add(
          entry, "spec.addresses",
          cat(address.str(), " is ", what, " of ", subnet.cidr.str(), "; take another address of it"));
    }
  }

  static std::string subnets_of(const Network& network) {
    std::vector<std::string> texts;
    for (const Subnet& subnet : network.subnets) {
      if (texts.size() < kListed) texts.push_back(subnet.cidr.str());
    }
    return cat(join(texts, ", "), network.subnets.size() > kListed ? ", ..." : "");
  }

  const Inventory& inventory_;
  Faults& faults_;
  size_t hints_ = 0;
  Owners<MacAddress> macs_;
  Owners<IpAddress> addresses_;
  Owners<IpPrefix> prefixes_;
  Owners<std::string_view> devices_;
};

}  // namespace

void check_endpoints(const Inventory& inventory, Faults& faults) {
  EndpointCheck check(inventory, faults);
  for (const Entry<Endpoint>& entry : inventory.endpoints) check.check(entry);
}

}  // namespace outrigger::manifest
