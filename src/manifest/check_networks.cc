// Nodes and networks by themselves: underlay addresses, VNIs, subnets and gateways, MTU.
#include <algorithm>
#include <array>
#include <set>

#include "manifest/inventory.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

// Ethernet of the tenant, VXLAN or Geneve without options, UDP, and IPv4 or IPv6 (RFC 7348 §5, RFC 8926 §3).
constexpr unsigned kOverheadV4 = 14 + 8 + 8 + 20;
constexpr unsigned kOverheadV6 = 14 + 8 + 8 + 40;

bool overlap(const IpPrefix& a, const IpPrefix& b) {
  return a.is_v4() == b.is_v4() && (a.contains(b) || b.contains(a));
}

void check_gateway(const Entry<Network>& entry, size_t index, Faults& faults) {
  const Subnet& subnet = entry.object->subnets[index];
  const std::string field = cat("spec.subnets[", index, "].gateway");
  const bool inside = subnet.gateway.is_v4() == subnet.cidr.is_v4() && subnet.cidr.contains(subnet.gateway);
  if (!inside) {
    faults.add(entry, field,
               cat("is ", subnet.gateway.str(), ", must lie inside cidr, which is ", subnet.cidr.str()));
  } else if (const std::string_view what = reserved(subnet.cidr, subnet.gateway); !what.empty()) {
    faults.add(entry, field,
               cat("is ", subnet.gateway.str(), ", ", what, " of ", subnet.cidr.str(),
                   "; take another address of it"));
  }
}

void check_subnets(const Entry<Network>& entry, Faults& faults) {
  const std::vector<Subnet>& subnets = entry.object->subnets;
  for (size_t i = 0; i < subnets.size(); ++i) {
    check_gateway(entry, i, faults);
    for (size_t j = 0; j < i; ++j) {
      if (!overlap(subnets[i].cidr, subnets[j].cidr)) continue;
      faults.add(entry, cat("spec.subnets[", i, "].cidr"),
                 cat("is ", subnets[i].cidr.str(), ", overlaps spec.subnets[", j, "], which is ",
                     subnets[j].cidr.str()));
      break;
    }
  }
}

struct Families {
  bool v4 = false;
  bool v6 = false;
};

Families families(const Node& node) {
  Families found;
  for (const IpAddress& address : node.underlay) (address.is_v4() ? found.v4 : found.v6) = true;
  return found;
}

// The nodes that have endpoints of one network, and so send its packets to each other.
using Members = std::set<const Node*>;

const Node* member_with(const Members& members, bool v4, bool v6) {
  const auto found = std::find_if(members.begin(), members.end(), [&](const Node* node) {
    return families(*node).v4 == v4 && families(*node).v6 == v6;
  });
  return found == members.end() ? nullptr : *found;
}

void check_members(const Entry<Network>& entry, const Members& members, Faults& faults) {
  const Node* v4_only = member_with(members, true, false);
  const Node* v6_only = member_with(members, false, true);
  if (v4_only != nullptr && v6_only != nullptr) {
    faults.add(
        entry, "",
        cat("joins ", other(cat("Node ", v4_only->meta.name), v4_only->meta),
            ", which has only an IPv4 underlay, and ", other(cat("Node ", v6_only->meta.name), v6_only->meta),
            ", which has only an IPv6 one; give one of them both"));
    return;
  }
  const unsigned overhead = v6_only != nullptr ? kOverheadV6 : kOverheadV4;
  const auto least = std::min_element(members.begin(), members.end(), [](const Node* a, const Node* b) {
    return std::tie(a->underlay_mtu, a->meta.name) < std::tie(b->underlay_mtu, b->meta.name);
  });
  if (least == members.end() || entry.object->mtu + overhead <= (*least)->underlay_mtu) return;
  const bool geneve = entry.object->encapsulation == Network::Encapsulation::kGeneve;
  faults.add(
      entry, "spec.mtu",
      cat("is ", entry.object->mtu, ", which with ", overhead, " bytes of ", geneve ? "Geneve" : "VXLAN",
          " over ", v6_only != nullptr ? "IPv6" : "IPv4", " exceeds the ", (*least)->underlay_mtu,
          " of spec.underlayMtu of ", other(cat("Node ", (*least)->meta.name), (*least)->meta),
          "; must be at most ", (*least)->underlay_mtu - overhead, ", or raise underlayMtu"));
}

}  // namespace

std::string_view reserved(const IpPrefix& cidr, IpAddress address) {
  // A /31 and a /32 have no reserved addresses (RFC 3021); nor does IPv6 but for routers' anycast.
  if (!cidr.is_v4() || cidr.family_length() > 30) return "";
  const uint32_t host_bits = 0xffffffffu >> cidr.family_length();
  const uint32_t host = address.v4_value() & host_bits;
  return host == 0 ? "the network address" : host == host_bits ? "the broadcast address" : "";
}

namespace {

using Owners = absl::flat_hash_map<IpAddress, const Entry<Node>*>;

// The host's own tunnel address: nobody else's, and of a family that its peers' tunnels have.
void check_fallback(const Entry<Node>& entry, Owners& owners, Faults& faults) {
  const Node& node = *entry.object;
  if (!node.fallback) return;
  const char field[] = "spec.fallback.underlay";
  if (node.kind == Node::Kind::kPlain) {
    faults.add(entry, field, "a plain node has no DPU to fall back from; remove it");
    return;
  }
  const bool fits = std::any_of(node.underlay.begin(), node.underlay.end(), [&](const IpAddress& address) {
    return address.is_v4() == node.fallback->is_v4();
  });
  if (!fits)
    faults.add(entry, field,
               cat("is ", node.fallback->str(), ", but spec.underlay has no address of its family"));
  const auto [earlier, fresh] = owners.emplace(*node.fallback, &entry);
  if (fresh) return;
  faults.add(entry, field,
             cat("is ", node.fallback->str(), ", which already belongs to ", other(*earlier->second)));
}

}  // namespace

void check_nodes(const Inventory& inventory, Faults& faults) {
  Owners owners;
  for (const Entry<Node>& entry : inventory.nodes) {
    for (size_t i = 0; i < entry.object->underlay.size(); ++i) {
      const IpAddress address = entry.object->underlay[i];
      const auto [earlier, fresh] = owners.emplace(address, &entry);
      if (fresh) continue;
      faults.add(entry, cat("spec.underlay[", i, "]"),
                 cat("is ", address.str(), ", which already belongs to ", other(*earlier->second)));
    }
  }
  for (const Entry<Node>& entry : inventory.nodes) check_fallback(entry, owners, faults);
}

void check_networks(const Inventory& inventory, Faults& faults) {
  absl::flat_hash_map<uint32_t, const Entry<Network>*> owners;
  for (const Entry<Network>& entry : inventory.networks) {
    const auto [earlier, fresh] = owners.emplace(entry.object->vni, &entry);
    if (!fresh) {
      faults.add(entry, "spec.vni",
                 cat("is ", entry.object->vni, ", which already belongs to ", other(*earlier->second)));
    }
    check_subnets(entry, faults);
  }
}

void check_mtu(const Inventory& inventory, Faults& faults) {
  absl::flat_hash_map<std::string_view, Members> members;
  for (const Entry<Endpoint>& entry : inventory.endpoints) {
    const auto node = inventory.node_by_name.find(entry.object->node);
    if (node != inventory.node_by_name.end()) members[entry.object->network].insert(node->second);
  }
  for (const Entry<Network>& entry : inventory.networks) {
    const auto found = members.find(entry.object->meta.name);
    if (found != members.end()) check_members(entry, found->second, faults);
  }
}

}  // namespace outrigger::manifest
