#include "host/network_plan.h"

#include "absl/strings/str_cat.h"
#include "host/ruleset.h"

namespace outrigger::host {
namespace {

std::string prefix_text(const IpAddress& address, const IpPrefix& range) {
  return absl::StrCat(address.str(), "/", range.family_length());
}

// Devices of endpoints that have gone.
std::string leftovers(const NetworkWorld& network, const std::set<std::string>& present) {
  std::set<std::string> gone = present;
  gone.erase(bridge_name(network));
  gone.erase(vxlan_name(network));
  for (const Place& place : network.places) gone.erase(port_name(place));
  std::string lines;
  for (const std::string& device : gone) {
    if (device.starts_with("ep")) absl::StrAppend(&lines, "link del ", device, "\n");
  }
  return lines;
}

std::string links(const NetworkWorld& network, const std::set<std::string>& present,
                  const std::map<uint32_t, std::string>& guests) {
  const std::string bridge = bridge_name(network), vxlan = vxlan_name(network);
  std::string lines = absl::StrCat("link set lo up\n", leftovers(network, present));
  if (!present.contains(bridge)) {
    absl::StrAppend(&lines, "link add ", bridge,
                    " type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n");
  }
  absl::StrAppend(&lines, "link set ", bridge, " address ", network.gateway_mac.str(), "\n",  //
                  "link set ", vxlan, " mtu ", network.mtu, " master ", bridge, "\n",         //
                  "link set ", vxlan,
                  " type bridge_slave learning off flood off mcast_flood off neigh_suppress on\n");
  for (const Place& place : network.places) {
    if (!place.local) continue;
    const std::string port = port_name(place);
    if (!present.contains(port)) {
      absl::StrAppend(&lines, "link add ", port, " type veth peer name fb0 netns ", guests.at(place.id),
                      "\n");
    }
    absl::StrAppend(&lines, "link set ", port, " mtu ", network.mtu, " master ", bridge, "\n",  //
                    "link set ", port, " type bridge_slave learning off\n",                     //
                    "link set ", port, " up\n");
  }
  absl::StrAppend(&lines, "link set ", bridge, " mtu ", network.mtu, "\nlink set ", bridge, " up\n");
  return lines;
}

std::string addresses(const NetworkWorld& network) {
  const std::string bridge = bridge_name(network);
  std::string lines =
      absl::StrCat("addr flush dev ", bridge, " scope global\nneigh flush dev ", bridge, " nud permanent\n");
  for (const Subnet& subnet : network.subnets) {
    absl::StrAppend(&lines, "addr replace ", prefix_text(subnet.gateway, subnet.prefix), " dev ", bridge,
                    subnet.gateway.is_v4() ? "" : " nodad", "\n");
  }
  for (const Place& place : network.places) {
    if (!place.local && place.tunnel.is_zero()) continue;
    for (const IpAddress& address : place.addresses) {
      absl::StrAppend(&lines, "neigh replace ", address.str(), " lladdr ", place.mac.str(),
                      " nud permanent dev ", bridge, "\n");
    }
    for (const IpPrefix& behind : place.prefixes) {
      for (const IpAddress& via : place.addresses) {
        if (via.is_v4() != behind.is_v4()) continue;
        absl::StrAppend(&lines, "route replace ", prefix_text(behind.address, behind), " via ", via.str(),
                        " dev ", bridge, "\n");
        break;
      }
    }
  }
  return lines;
}

std::string forwarding(const NetworkWorld& network) {
  const std::string vxlan = vxlan_name(network);
  std::string lines;
  for (const Place& place : network.places) {
    if (place.local) {
      absl::StrAppend(&lines, "fdb replace ", place.mac.str(), " dev ", port_name(place), " master static\n");
    } else if (!place.tunnel.is_zero()) {
      absl::StrAppend(&lines, "fdb replace ", place.mac.str(), " dev ", vxlan, " master static\n",  //
                      "fdb replace ", place.mac.str(), " dev ", vxlan, " dst ", place.tunnel.str(),
                      " self permanent\n");
    }
  }
  return lines;
}

}  // namespace

NetworkPlan plan_network(const World& world, const NetworkWorld& network, const std::string& prefix,
                         const std::set<std::string>& present,
                         const std::map<uint32_t, std::string>& guests) {
  NetworkPlan plan{.netns = absl::StrCat(prefix, network.vni)};
  const std::string vxlan = vxlan_name(network);
  if (!present.contains(vxlan)) {
    plan.make =
        absl::StrCat("link add ", vxlan, " netns ", plan.netns, " type vxlan id ", network.vni, " local ",
                     world.tunnel.str(), " dstport 4789 ttl 64 nolearning udp6zerocsumrx\n");
  }
  plan.links = links(network, present, guests);
  plan.addresses = addresses(network);
  plan.forwarding = forwarding(network);
  plan.open = absl::StrCat("link set ", vxlan, " up\n");
  plan.close = absl::StrCat("link set ", vxlan, " down\n");
  return plan;
}

std::vector<std::pair<std::string, std::string>> network_settings() {
  return {{"ipv4/ip_forward", "1"},
          {"ipv6/conf/all/forwarding", "1"},
          {"ipv4/conf/all/send_redirects", "0"},
          {"ipv4/conf/default/send_redirects", "0"},
          {"ipv4/conf/all/rp_filter", "0"},
          {"ipv4/conf/default/rp_filter", "0"},
          {"ipv6/conf/default/accept_dad", "0"},
          {"ipv6/conf/default/accept_ra", "0"},
          {"ipv6/conf/default/router_solicitations", "0"},
          {"ipv4/neigh/default/gc_thresh3", "100000"},
          {"ipv6/neigh/default/gc_thresh3", "100000"},
          {"ipv4/ping_group_range", "0 2147483647"},  // gateways are asked for an echo: path_check.h
          {"netfilter/nf_conntrack_tcp_loose", "1"},
          // Seen from the middle, and for a while one way only: what the other end acknowledged is not known.
          {"netfilter/nf_conntrack_tcp_be_liberal", "1"},
          {"bridge/bridge-nf-call-iptables", "1"},
          {"bridge/bridge-nf-call-ip6tables", "1"},
          {"bridge/bridge-nf-call-arptables", "0"}};
}

}  // namespace outrigger::host
