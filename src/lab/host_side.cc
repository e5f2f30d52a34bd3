#include "lab/host_side.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/wiring.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

const Settings kHostSettings = {{"ipv6/conf/default/accept_dad", "0"},
                                {"ipv6/conf/default/accept_ra", "0"},
                                {"ipv6/conf/default/router_solicitations", "0"}};

absl::Status make_host_side(const State& state, const PlannedNode& node, const Plan& plan) {
  const std::string host = host_netns(state.lab(), node.name), fabric = fabric_netns(state.lab());
  if (!namespaces(host).empty()) return absl::OkStatus();
  if (absl::Status status = add_namespaces({host}); !status.ok()) return status;
  if (absl::Status status = write_settings(host, kHostSettings); !status.ok()) return status;
  const std::string device = host_uplink_name(node.name);
  const std::string lines =
      absl::StrCat("link add uplink type veth peer name ", device, " netns ", fabric,
                   "\nlink add dpu type veth peer name host netns ", node.netns, "\naddr add ", kLinkHost,
                   "/30 dev dpu\nlink set dpu up\n", host_setup(node, plan));
  if (absl::Status status = ip_batch(host, lines); !status.ok()) return status;
  absl::Status status = ip_batch(fabric, absl::StrCat("link set ", device, " mtu ", node.mtu,
                                                      " master fabric\nlink set ", device, " up\n"));
  if (!status.ok()) return status;
  return ip_batch(node.netns, absl::StrCat("addr add ", kLinkDpu, "/30 dev host\nlink set host up\n"));
}

}  // namespace

absl::Status make_host_sides(const State& state, const Plan& plan) {
  for (const PlannedNode& node : plan.nodes) {
    if (node.fallback.empty()) continue;
    if (absl::Status status = make_host_side(state, node, plan); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace outrigger::lab
