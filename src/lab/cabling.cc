#include "lab/cabling.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lab/daemon.h"
#include "lab/guest.h"
#include "lab/interrupt.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/wiring.h"

namespace outrigger::lab {
namespace {

constexpr absl::Duration kDeviceTimeout = absl::Seconds(15);

// Bridges and uplinks speak only when spoken to: no addresses of their own, no firewall of the host on
// bridged frames.
const Settings kQuiet = {
    {"ipv6/conf/default/addr_gen_mode", "1"}, {"ipv6/conf/default/accept_dad", "0"},
    {"ipv6/conf/default/accept_ra", "0"},     {"ipv6/conf/default/router_solicitations", "0"},
    {"bridge/bridge-nf-call-iptables", "0"},  {"bridge/bridge-nf-call-ip6tables", "0"},
    {"bridge/bridge-nf-call-arptables", "0"}};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "ep3" of "tap,iface=ep3".
std::string interface_of(std::string_view device) {
  const size_t at = device.find("iface=");
  if (at == std::string_view::npos) return "";
  device.remove_prefix(at + 6);
  return std::string(device.substr(0, device.find(',')));
}

absl::Status make_plain_uplink(const State& state, const PlannedNode& node, const Plan& plan) {
  const std::string fabric = fabric_netns(state.lab());
  const std::string pair =
      absl::StrCat("link add uplink type veth peer name ", node.uplink, " netns ", fabric, "\n");
  if (absl::Status status = ip_batch(node.netns, pair + plain_node_setup(node, plan)); !status.ok())
    return status;
  return ip_batch(fabric, uplink_setup(node));
}

absl::Status take_uplink(const State& state, const PlannedNode& node,
                         const std::vector<std::string>& present) {
  const std::string device = interface_of(kUplinkDevice);
  if (!has(present, device)) return absl::OkStatus();
  const std::string fabric = fabric_netns(state.lab());
  const std::string move = absl::StrCat("link set ", device, " netns ", fabric, " name ", node.uplink, "\n");
  if (absl::Status status = ip_batch(node.netns, move); !status.ok()) return status;
  return ip_batch(fabric, uplink_setup(node));
}

// Moves what has appeared; true when every endpoint of the node has its device.
absl::StatusOr<bool> take_taps(const State& state, const PlannedNode& node, const Plan& plan,
                               const NodeApi& api) {
  const std::vector<std::string> present = devices(node.netns);
  if (absl::Status status = take_uplink(state, node, present); !status.ok()) return status;
  const auto attached = api.devices({node.name, state.socket(node.name)});
  if (!attached.ok())
    return absl::IsUnavailable(attached.status()) ? absl::StatusOr<bool>(false) : attached.status();
  std::string moves;
  bool all = has(devices(fabric_netns(state.lab())), node.uplink);
  for (const PlannedEndpoint& endpoint : plan.endpoints) {
    if (endpoint.node != node.name) continue;
    const auto found = attached->find(endpoint.name);
    const std::string device = found == attached->end() ? "" : interface_of(found->second);
    if (has(present, device)) {
      absl::StrAppend(&moves, "link set ", device, " netns ", endpoint.netns, " name eth0\n");
      if (absl::Status status = state.save_setup(endpoint.name, ""); !status.ok()) return status;
    } else {
      all = all && has(devices(endpoint.netns), "eth0");
    }
  }
  if (absl::Status status = ip_batch(node.netns, moves); !status.ok()) return status;
  return all;
}

absl::Status wait_for_taps(const State& state, const PlannedNode& node, const Plan& plan,
                           const NodeApi& api) {
  const absl::Time deadline = absl::Now() + kDeviceTimeout;
  for (;;) {
    const absl::StatusOr<bool> all = take_taps(state, node, plan, api);
    if (!all.ok()) return all.status();
    if (*all) return absl::OkStatus();
    if (absl::Status status = Interrupt::check(); !status.ok()) return status;
    if (absl::Status status = check_daemon(state, node.name); !status.ok()) return status;
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("node ", node.name, ": its daemon made not all devices in ",
                       absl::FormatDuration(kDeviceTimeout), ", see ", state.log(node.name)));
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
}

// A plain node's bridge and vxlan device for each network that one of its endpoints is in.
absl::Status make_networks(const PlannedNode& node, const Plan& plan) {
  const std::vector<std::string> present = devices(node.netns);
  for (const PlannedNetwork& network : plan.networks) {
    const bool used =
        std::any_of(plan.endpoints.begin(), plan.endpoints.end(),
                    [&](const PlannedEndpoint& e) { return e.node == node.name && e.vni == network.vni; });
    if (!used || has(present, absl::StrCat("vx", network.vni))) continue;
    absl::Status status = ip_batch(node.netns, network_setup(node, network));
    if (status.ok()) status = bridge_batch(node.netns, flooding_setup(node, network, plan));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status plug_veth(const State& state, const PlannedNode& node, const PlannedEndpoint& endpoint) {
  const bool plugged = has(devices(endpoint.netns), "eth0");
  if (plugged && state.setup(endpoint.name) == endpoint.setup) return absl::OkStatus();
  std::string lines = plugged ? "link del eth0\n" : "";
  absl::StrAppend(&lines, "link add eth0 type veth peer name ", endpoint.veth, " netns ", node.netns, "\n");
  if (absl::Status status = ip_batch(endpoint.netns, lines); !status.ok()) return status;
  if (absl::Status status = state.save_setup(endpoint.name, ""); !status.ok()) return status;
  return ip_batch(node.netns, absl::StrCat("link set ", endpoint.veth, " master br", endpoint.vni,
                                           "\nlink set ", endpoint.veth, " up\n"));
}

absl::Status plug(const State& state, const Plan& plan, const NodeApi& api) {
  for (const PlannedNode& node : plan.nodes) {
    if (node.kind == manifest::Node::Kind::kDpu) {
      if (state.frozen(node.name)) continue;
      if (absl::Status status = wait_for_taps(state, node, plan, api); !status.ok()) return status;
      continue;
    }
    if (absl::Status status = make_networks(node, plan); !status.ok()) return status;
    for (const PlannedEndpoint& endpoint : plan.endpoints) {
      if (endpoint.node != node.name) continue;
      if (absl::Status status = plug_veth(state, node, endpoint); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status follow_namespaces(const State& state, const Plan& plan, bool dhcp) {
  std::set<std::string> wanted;
  for (const PlannedEndpoint& endpoint : plan.endpoints) wanted.insert(endpoint.netns);
  std::vector<std::string> gone;
  for (const std::string& name : namespaces(absl::StrCat(prefix(state.lab()), "ep."))) {
    if (wanted.erase(name) == 0) gone.push_back(name);
  }
  const std::vector<std::string> missing(wanted.begin(), wanted.end());
  if (absl::Status status = remove_namespaces(gone); !status.ok()) return status;
  if (absl::Status status = add_namespaces(missing); !status.ok()) return status;
  for (const std::string& name : missing) {
    if (absl::Status status = write_settings(name, guest_settings(dhcp)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status make_nodes(const State& state, const Plan& plan) {
  std::vector<std::string> names{fabric_netns(state.lab())};
  for (const PlannedNode& node : plan.nodes) names.push_back(node.netns);
  if (absl::Status status = add_namespaces(names); !status.ok()) return status;
  for (const std::string& name : names) {
    if (absl::Status status = write_settings(name, kQuiet); !status.ok()) return status;
  }
  if (absl::Status status = ip_batch(names.front(), fabric_setup()); !status.ok()) return status;
  for (const PlannedNode& node : plan.nodes) {
    const bool plain = node.kind == manifest::Node::Kind::kPlain;
    absl::Status status =
        plain ? make_plain_uplink(state, node, plan) : ip_batch(node.netns, "link set lo up\n");
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status follow(const State& state, const Plan& plan, const NodeApi& api, bool dhcp) {
  if (absl::Status status = follow_namespaces(state, plan, dhcp); !status.ok()) return status;
  if (absl::Status status = plug(state, plan, api); !status.ok()) return status;
  for (const PlannedEndpoint& endpoint : plan.endpoints) {
    if (absl::Status status = Interrupt::check(); !status.ok()) return status;
    if (absl::Status status = set_up_guest(state, endpoint, dhcp); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace outrigger::lab
