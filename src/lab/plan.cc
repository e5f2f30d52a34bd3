#include "lab/plan.h"

#include <algorithm>
#include <map>
#include <variant>

#include "absl/strings/str_cat.h"
#include "lab/names.h"
#include "manifest/check.h"
#include "manifest/read.h"

namespace outrigger::lab {
namespace {

using manifest::Document;

constexpr size_t kFaultsShown = 10;

template <typename T>
std::map<std::string, const T*> all(const std::vector<Document>& documents) {
  std::map<std::string, const T*> found;
  for (const Document& document : documents) {
    const T* object = std::get_if<T>(&document.object);
    if (object == nullptr) continue;
    const manifest::Metadata& meta = object->meta;
    found[meta.ns.empty() ? meta.name : absl::StrCat(meta.ns, "/", meta.name)] = object;
  }
  return found;
}

absl::Status faulty(const std::vector<manifest::Fault>& faults) {
  if (faults.empty()) return absl::OkStatus();
  std::string text =
      absl::StrCat(faults.size(), faults.size() == 1 ? " fault" : " faults", " in the manifests");
  for (size_t i = 0; i < std::min(faults.size(), kFaultsShown); ++i)
    absl::StrAppend(&text, "\n  ", faults[i].str());
  return absl::InvalidArgumentError(text);
}

absl::StatusOr<std::vector<Document>> checked(manifest::Reading reading) {
  if (absl::Status status = faulty(reading.faults); !status.ok()) return status;
  std::vector<const manifest::Object*> objects;
  for (const Document& document : reading.documents) objects.push_back(&document.object);
  if (absl::Status status = faulty(manifest::check(objects)); !status.ok()) return status;
  return std::move(reading.documents);
}

const manifest::Subnet* subnet_of(const manifest::Network& network, const IpAddress& address) {
  for (const manifest::Subnet& subnet : network.subnets) {
    if (subnet.cidr.contains(address)) return &subnet;
  }
  return nullptr;
}

void add_addresses(const manifest::Endpoint& endpoint, const manifest::Network& network, std::string& lines) {
  for (const IpAddress& address : endpoint.addresses) {
    const manifest::Subnet* subnet = subnet_of(network, address);
    const unsigned length = subnet != nullptr ? subnet->cidr.family_length() : (address.is_v4() ? 32 : 128);
    absl::StrAppend(&lines, "addr replace ", address.str(), "/", length, " dev eth0",
                    address.is_v4() ? "" : " nodad", "\n");
  }
}

// The gateway of the first address of each family that has one.
void add_routes(const manifest::Endpoint& endpoint, const manifest::Network& network, std::string& lines) {
  bool done[2] = {false, false};
  for (const IpAddress& address : endpoint.addresses) {
    const manifest::Subnet* subnet = subnet_of(network, address);
    if (subnet == nullptr || subnet->gateway.is_zero() || done[address.is_v4()]) continue;
    done[address.is_v4()] = true;
    absl::StrAppend(&lines, "route replace default via ", subnet->gateway.str(), " dev eth0\n");
  }
}

std::string endpoint_setup(const manifest::Endpoint& endpoint, const manifest::Network& network, bool dhcp) {
  std::string lines = absl::StrCat("link set lo up\nlink set eth0 down\nlink set eth0 address ",
                                   endpoint.mac.str(), " mtu ", network.mtu, "\naddr flush dev eth0\n");
  if (!dhcp) add_addresses(endpoint, network, lines);
  absl::StrAppend(&lines, "link set eth0 up\n");
  if (!dhcp) add_routes(endpoint, network, lines);
  return lines;
}

PlannedEndpoint planned(const std::string& lab, const std::string& name, const manifest::Endpoint& endpoint,
                        const manifest::Network& network, const PlannedNode& node, bool dhcp) {
  PlannedEndpoint result;
  result.name = name;
  result.node = endpoint.node;
  result.netns = endpoint_netns(lab, name);
  result.plain = node.kind == manifest::Node::Kind::kPlain;
  result.veth = veth_name(endpoint.mac);
  result.vni = network.vni;
  for (const IpAddress& address : endpoint.addresses) result.addresses.push_back(address.str());
  result.setup =
      endpoint_setup(endpoint, network, dhcp && !result.plain);  // no DPU serves DHCP to a plain node
  return result;
}

}  // namespace

const PlannedNode* Plan::node(std::string_view name) const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const PlannedNode& n) { return n.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

absl::StatusOr<std::vector<Document>> documents_in(const std::string& path) {
  return checked(manifest::read_path(path));
}

absl::StatusOr<std::vector<Document>> documents_of(std::string_view yaml, const std::string& file) {
  return checked(manifest::read(yaml, file));
}

std::string topology_of(const std::vector<Document>& documents) {
  std::string yaml;
  for (const Document& document : documents) {
    const bool belongs = std::holds_alternative<manifest::Node>(document.object) ||
                         std::holds_alternative<manifest::Network>(document.object) ||
                         std::holds_alternative<manifest::Namespace>(document.object) ||
                         std::holds_alternative<manifest::Endpoint>(document.object);
    if (belongs) absl::StrAppend(&yaml, "---\n", document.text, "\n");
  }
  return yaml;
}

absl::StatusOr<Plan> plan(const std::string& lab, const std::vector<Document>& documents, bool dhcp) {
  Plan result;
  for (const auto& [name, node] : all<manifest::Node>(documents)) {
    result.nodes.push_back(
        {name, node->kind, node_netns(lab, name), uplink_name(name), node->underlay, node->underlay_mtu, {}});
    if (node->fallback && node->kind == manifest::Node::Kind::kDpu)
      result.nodes.back().fallback.push_back(*node->fallback);
  }
  const auto networks = all<manifest::Network>(documents);
  for (const auto& [name, network] : networks) result.networks.push_back({name, network->vni, network->mtu});
  for (const auto& [name, endpoint] : all<manifest::Endpoint>(documents)) {
    const PlannedNode* node = result.node(endpoint->node);
    const auto network = networks.find(endpoint->network);
    if (node == nullptr || network == networks.end()) continue;
    result.endpoints.push_back(planned(lab, name, *endpoint, *network->second, *node, dhcp));
    if (result.endpoints.back().plain &&
        network->second->encapsulation == manifest::Network::Encapsulation::kGeneve) {
      return absl::UnimplementedError(absl::StrCat("Endpoint ", name, ": node ", node->name,
                                                   " is plain and network ", network->first,
                                                   " is Geneve: plain nodes speak VXLAN alone"));
    }
  }
  return result;
}

}  // namespace outrigger::lab
