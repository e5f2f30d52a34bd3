// Node, Network and Endpoint of outrigger.dev/v1alpha1.
#include "manifest/readers.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

constexpr size_t kMaxAddresses = 64;    // of one endpoint
constexpr size_t kMaxSubnets = 256;     // of one network
constexpr size_t kMaxDnsServers = 8;    // that fit a DHCP reply and a router advertisement
constexpr uint64_t kLeastMtuV4 = 576;   // RFC 791 §3.1
constexpr uint64_t kLeastMtuV6 = 1280;  // RFC 8200 §5

// An address that one interface can own.
std::optional<IpAddress> read_unicast(const Spot& at) {
  const auto address = read_address(at);
  if (!address) return std::nullopt;
  const char* wrong = address->is_zero()        ? "the unspecified address"
                      : address->is_multicast() ? "a multicast address"
                      : address->is_broadcast() ? "the broadcast address"
                      : address->is_loopback()  ? "a loopback address"
                                                : nullptr;
  if (wrong == nullptr) return address;
  at.fault(cat("is ", address->str(), ", ", wrong, "; must be an address one interface can own"));
  return std::nullopt;
}

std::string read_name(const Map& map, std::string_view key) {
  const auto at = map.need(key);
  if (!at) return "";
  const auto text = read_text(*at);
  if (text && text->empty()) at->fault("is empty");
  return text.value_or("");
}

std::string read_device(const Map& map, std::string_view key) {
  const auto at = map.get(key);
  if (!at) return "";
  const std::string text = read_text(*at).value_or("");
  const bool odd = text.size() > 255 || text.find_first_of(" \t\r\n") != text.npos;
  if (odd) at->fault("must be a device name of at most 255 characters without blanks");
  return text;
}

void read_underlay(const Spot& at, Node& node) {
  read_list(at, 2, [&](const Spot& item) {
    const auto address = read_unicast(item);
    if (!address) return;
    if (!node.underlay.empty() && node.underlay[0].is_v4() == address->is_v4()) {
      item.fault(
          cat("is ", address->str(), ", a second address of one family; one IPv4 and one IPv6 at most"));
      return;
    }
    node.underlay.push_back(*address);
  });
  if (at.value().type == Yaml::Type::kList && at.value().items.empty())
    at.fault("must have one or two addresses");
}

Subnet read_subnet(const Spot& at) {
  Subnet subnet;
  const Map map(at, {"cidr", "gateway"});
  if (const auto cidr = map.need("cidr"))
    subnet.cidr = read_prefix(*cidr, HostBits::kRefuse).value_or(IpPrefix{});
  if (const auto gateway = map.need("gateway")) subnet.gateway = read_unicast(*gateway).value_or(IpAddress{});
  return subnet;
}

void read_subnets(const Spot& at, Network& network) {
  read_list(at, kMaxSubnets, [&](const Spot& item) { network.subnets.push_back(read_subnet(item)); });
  if (at.value().type == Yaml::Type::kList && at.value().items.empty())
    at.fault("must have at least one subnet");
}

bool has_v6(const std::vector<Subnet>& subnets) {
  for (const Subnet& subnet : subnets) {
    if (!subnet.cidr.is_v4()) return true;
  }
  return false;
}

// "10.1.0.11" is the endpoint's own, "10.9.0.0/16" lies behind it.
void read_endpoint_address(const Spot& at, Endpoint& endpoint) {
  const Yaml& value = at.value();
  if (value.text.find('/') == value.text.npos) {
    if (const auto address = read_unicast(at)) endpoint.addresses.push_back(*address);
  } else if (const auto prefix = read_prefix(at, HostBits::kRefuse)) {
    endpoint.prefixes.push_back(*prefix);
  }
}

void read_endpoint_addresses(const Spot& at, Endpoint& endpoint) {
  const size_t faults = at.report().faults.size();
  read_list(at, kMaxAddresses, [&](const Spot& item) { read_endpoint_address(item, endpoint); });
  if (endpoint.addresses.empty() && at.report().faults.size() == faults) {
    at.fault("must have at least one address of the endpoint's own, written without a length");
  }
}

SessionSettings read_sessions(const Spot& at) {
  constexpr uint64_t kLongest = 30 * 86400;  // seconds
  SessionSettings settings;
  const Map map(at, {"tcp", "quota", "embryonicTimeout", "establishedTimeout", "udpTimeout"});
  if (const auto tcp = map.get("tcp"))
    settings.strict_tcp = read_choice(*tcp, {"loose", "strict"}).value_or(0) == 1;
  const auto number = [&](const char* field, uint64_t least, uint64_t most, uint32_t& to) {
    if (const auto spot = map.get(field))
      to = static_cast<uint32_t>(read_number(*spot, least, most).value_or(0));
  };
  number("quota", 0, UINT32_MAX, settings.quota);
  number("embryonicTimeout", 1, kLongest, settings.embryonic_timeout);
  number("establishedTimeout", 1, kLongest, settings.established_timeout);
  number("udpTimeout", 1, kLongest, settings.udp_timeout);
  return settings;
}

}  // namespace

Object read_node(const Map& top, Metadata meta) {
  Node node;
  node.meta = std::move(meta);
  const auto at = top.need("spec");
  if (!at) return node;
  const Map spec(*at, {"kind", "underlay", "underlayMtu", "uplink", "sessions", "fallback"});
  if (const auto kind = spec.get("kind")) {
    node.kind = read_choice(*kind, {"dpu", "plain"}).value_or(0) == 1 ? Node::Kind::kPlain : Node::Kind::kDpu;
  }
  if (const auto underlay = spec.need("underlay")) read_underlay(*underlay, node);
  if (const auto mtu = spec.get("underlayMtu")) {
    node.underlay_mtu = static_cast<uint16_t>(read_number(*mtu, kLeastMtuV4, 9216).value_or(1500));
  }
  node.uplink = read_device(spec, "uplink");
  if (const auto sessions = spec.get("sessions")) node.sessions = read_sessions(*sessions);
  if (const auto fallback = spec.get("fallback")) {
    const Map host(*fallback, {"underlay"});
    if (const auto address = host.need("underlay")) node.fallback = read_unicast(*address);
  }
  return node;
}

Object read_network(const Map& top, Metadata meta) {
  Network network;
  network.meta = std::move(meta);
  const auto at = top.need("spec");
  if (!at) return network;
  const Map spec(*at, {"vni", "encapsulation", "mtu", "subnets", "broadcast", "dns", "denied"});
  if (const auto vni = spec.need("vni")) {
    network.vni = static_cast<uint32_t>(read_number(*vni, 1, (1u << 24) - 1).value_or(0));
  }
  if (const auto encapsulation = spec.get("encapsulation")) {
    const auto choice = read_choice(*encapsulation, {"vxlan", "geneve"});
    network.encapsulation = static_cast<Network::Encapsulation>(choice.value_or(0));
  }
  if (const auto subnets = spec.need("subnets")) read_subnets(*subnets, network);
  if (const auto mtu = spec.get("mtu")) {
    const uint64_t least = has_v6(network.subnets) ? kLeastMtuV6 : kLeastMtuV4;
    network.mtu = static_cast<uint16_t>(read_number(*mtu, least, 9000).value_or(1450));
  }
  if (const auto broadcast = spec.get("broadcast")) {
    const auto choice = read_choice(*broadcast, {"suppress", "replicate"});
    network.broadcast = static_cast<Network::Broadcast>(choice.value_or(0));
  }
  if (const auto dns = spec.get("dns")) {
    read_list(*dns, kMaxDnsServers, [&](const Spot& item) {
      if (const auto server = read_unicast(item)) network.dns.push_back(*server);
    });
  }
  if (const auto denied = spec.get("denied")) {
    network.reject = read_choice(*denied, {"drop", "reject"}).value_or(0) == 1;
  }
  return network;
}

Object read_endpoint(const Map& top, Metadata meta) {
  Endpoint endpoint;
  endpoint.meta = std::move(meta);
  const auto at = top.need("spec");
  if (!at) return endpoint;
  const Map spec(*at, {"node", "network", "addresses", "mac", "ports", "device", "sessionQuota"});
  endpoint.node = read_name(spec, "node");
  endpoint.network = read_name(spec, "network");
  if (const auto addresses = spec.need("addresses")) read_endpoint_addresses(*addresses, endpoint);
  if (const auto mac = spec.need("mac")) endpoint.mac = read_mac(*mac).value_or(MacAddress{});
  if (const auto ports = spec.get("ports"))
    endpoint.ports = read_named_ports(*ports, "port", PortNames::kNeeded);
  endpoint.device = read_device(spec, "device");
  if (const auto quota = spec.get("sessionQuota")) {
    endpoint.session_quota = static_cast<uint32_t>(read_number(*quota, 0, UINT32_MAX).value_or(0));
  }
  return endpoint;
}

}  // namespace outrigger::manifest
