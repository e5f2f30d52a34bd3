#include "lab/wiring.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lab/names.h"

namespace outrigger::lab {
namespace {

constexpr unsigned kVxlanPort = 4789;  // RFC 7348 §5
constexpr unsigned kOverheadV4 = 50;   // outer IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14
constexpr unsigned kOverheadV6 = 70;

const IpAddress* of_family(const std::vector<IpAddress>& addresses, bool v4) {
  for (const IpAddress& address : addresses) {
    if (address.is_v4() == v4) return &address;
  }
  return nullptr;
}

// IPv4 when the node has it: what most fabrics still are.
const IpAddress& tunnel_address(const PlannedNode& node) {
  const IpAddress* v4 = of_family(node.underlay, true);
  return v4 != nullptr ? *v4 : node.underlay.front();
}

std::string route_to(const IpAddress& address, const std::vector<IpAddress>& own) {
  const IpAddress* source = of_family(own, address.is_v4());
  if (source == nullptr) return "";
  return absl::StrCat("route replace ", address.str(), address.is_v4() ? "/32" : "/128", " dev uplink src ",
                      source->str(), "\n");
}

// A kernel's device "uplink" with addresses of its own, and routes to everybody else's.
std::string underlay_setup(const PlannedNode& node, const std::vector<IpAddress>& own, const Plan& plan) {
  std::string lines = absl::StrCat("link set lo up\nlink set uplink mtu ", node.mtu, "\n");
  for (const IpAddress& address : own) {
    absl::StrAppend(&lines, "addr replace ", address.str(), address.is_v4() ? "/32" : "/128 nodad",
                    " dev uplink\n");
  }
  absl::StrAppend(&lines, "link set uplink up\n");
  for (const PlannedNode& peer : plan.nodes) {
    if (peer.name == node.name) continue;
    for (const IpAddress& address : peer.underlay) absl::StrAppend(&lines, route_to(address, own));
    for (const IpAddress& address : peer.fallback) absl::StrAppend(&lines, route_to(address, own));
  }
  return lines;
}

}  // namespace

std::string fabric_setup() {
  return "link set lo up\n"
         "link add fabric type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
         "link set fabric up\n";
}

std::string uplink_setup(const PlannedNode& node) {
  return absl::StrCat("link set ", node.uplink, " address ", uplink_mac(node.name).str(), " mtu ", node.mtu,
                      " master fabric\nlink set ", node.uplink, " up\n");
}

std::string plain_node_setup(const PlannedNode& node, const Plan& plan) {
  return underlay_setup(node, node.underlay, plan);
}

std::string host_setup(const PlannedNode& node, const Plan& plan) {
  return underlay_setup(node, node.fallback, plan);
}

std::string network_setup(const PlannedNode& node, const PlannedNetwork& network) {
  const IpAddress& local = tunnel_address(node);
  const unsigned room = node.mtu - (local.is_v4() ? kOverheadV4 : kOverheadV6);
  const unsigned mtu = std::min<unsigned>(network.mtu, room);
  const std::string bridge = absl::StrCat("br", network.vni), vxlan = absl::StrCat("vx", network.vni);
  return absl::StrCat("link add ", bridge, " type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n",  //
                      "link add ", vxlan, " type vxlan id ", network.vni, " local ", local.str(),
                      " dev uplink dstport ", kVxlanPort,
                      " ttl 64\n",                                                 //
                      "link set ", vxlan, " mtu ", mtu, " master ", bridge, "\n",  //
                      "link set ", vxlan, " up\nlink set ", bridge, " up\n");
}

std::string flooding_setup(const PlannedNode& node, const PlannedNetwork& network, const Plan& plan) {
  const bool v4 = tunnel_address(node).is_v4();
  std::string lines;
  for (const PlannedNode& peer : plan.nodes) {
    const IpAddress* address = of_family(peer.underlay, v4);
    if (peer.name == node.name || address == nullptr) continue;
    absl::StrAppend(&lines, "fdb append 00:00:00:00:00:00 dev vx", network.vni, " dst ", address->str(),
                    "\n");
  }
  return lines;
}

}  // namespace outrigger::lab
