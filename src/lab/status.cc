#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lab/current.h"
#include "lab/lab.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/node_processes.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {
namespace {

bool is_up(const std::string& netns, const std::string& device) {
  bool result = false;
  inside(netns, [&] {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {};
    std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
    result = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
    close(fd);
    return absl::OkStatus();
  }).IgnoreError();
  return result;
}

NodeStatus node_status(const State& state, const PlannedNode& node) {
  NodeStatus status{.node = node.name, .kind = "plain", .netns = node.netns, .why = "", .socket = ""};
  const bool cabled = is_up(fabric_netns(state.lab()), node.uplink);
  if (node.kind == manifest::Node::Kind::kDpu) {
    status.kind = "dpu";
    status.socket = state.socket(node.name);
    for (const NodeProcess& one : node_processes(node.netns, state.node_folder(node.name)))
      status.processes.push_back({one.program, one.id.pid});
    const auto daemon = state.daemon(node.name);
    if (daemon) status.pid = daemon->pid;
    if (!daemon) status.why = state.frozen(node.name) ? "frozen" : "outriggerd does not run";
  }
  if (status.why.empty() && !cabled) status.why = "no uplink";
  status.ready = status.why.empty();
  return status;
}

EndpointStatus endpoint_status(const PlannedEndpoint& endpoint) {
  return {.endpoint = endpoint.name,
          .node = endpoint.node,
          .netns = endpoint.netns,
          .addresses = endpoint.addresses,
          .ready = is_up(endpoint.netns, "eth0")};
}

const char* yes(bool ready) { return ready ? "yes" : "no"; }

}  // namespace

absl::StatusOr<LabStatus> status(const std::string& name) {
  if (absl::Status checked = check_name(name); !checked.ok()) return checked;
  const State state(name);
  const absl::StatusOr<LabOptions> options = state.options();
  if (!options.ok()) return options.status();
  const absl::StatusOr<Plan> now = current_plan(state, state.desired(), options->dhcp);
  if (!now.ok()) return now.status();
  LabStatus result{.name = name, .manifests = options->manifests, .nodes = {}, .endpoints = {}};
  const std::string fabric = fabric_netns(name);
  result.nodes.push_back({.node = "fabric",
                          .kind = "fabric",
                          .netns = fabric,
                          .ready = is_up(fabric, "fabric"),
                          .why = "",
                          .socket = ""});
  for (const PlannedNode& node : now->nodes) {
    result.nodes.push_back(node_status(state, node));
    if (node.kind == manifest::Node::Kind::kDpu) result.nodes.back().mode = text(options->mode);
  }
  for (const PlannedEndpoint& endpoint : now->endpoints)
    result.endpoints.push_back(endpoint_status(endpoint));
  result.ready =
      std::all_of(result.nodes.begin(), result.nodes.end(), [](const NodeStatus& n) { return n.ready; }) &&
      std::all_of(result.endpoints.begin(), result.endpoints.end(),
                  [](const EndpointStatus& e) { return e.ready; });
  return result;
}

std::string table(const LabStatus& status) {
  std::string text =
      absl::StrFormat("lab %s  %s  ready: %s\n\n%-16s %-7s %-8s %-6s %s\n", status.name, status.manifests,
                      yes(status.ready), "NODE", "KIND", "PID", "READY", "NAMESPACE");
  for (const NodeStatus& node : status.nodes) {
    const std::string pid = node.pid != 0 ? absl::StrCat(node.pid) : "-";
    absl::StrAppendFormat(&text, "%-16s %-7s %-8s %-6s %s%s%s\n", node.node, node.kind, pid, yes(node.ready),
                          node.netns, node.why.empty() ? "" : "  ", node.why);
    if (node.mode == "solo") continue;
    for (const ProcessStatus& one : node.processes)
      absl::StrAppendFormat(&text, "  %-22s %d\n", one.program, one.pid);
  }
  absl::StrAppendFormat(&text, "\n%-24s %-16s %-6s %s\n", "ENDPOINT", "NODE", "READY", "ADDRESSES");
  for (const EndpointStatus& endpoint : status.endpoints) {
    absl::StrAppendFormat(&text, "%-24s %-16s %-6s %s\n", endpoint.endpoint, endpoint.node,
                          yes(endpoint.ready), absl::StrJoin(endpoint.addresses, " "));
  }
  return text;
}

std::string json(const LabStatus& status) {
  using Json = nlohmann::json;
  Json nodes = Json::array(), endpoints = Json::array();
  for (const NodeStatus& node : status.nodes) {
    Json processes = Json::array();
    for (const ProcessStatus& one : node.processes)
      processes.push_back({{"program", one.program}, {"pid", one.pid}});
    nodes.push_back({{"node", node.node},
                     {"kind", node.kind},
                     {"netns", node.netns},
                     {"pid", node.pid},
                     {"ready", node.ready},
                     {"why", node.why},
                     {"mode", node.mode},
                     {"processes", processes},
                     {"socket", node.socket}});
  }
  for (const EndpointStatus& endpoint : status.endpoints) {
    endpoints.push_back({{"endpoint", endpoint.endpoint},
                         {"node", endpoint.node},
                         {"netns", endpoint.netns},
                         {"addresses", endpoint.addresses},
                         {"ready", endpoint.ready}});
  }
  const Json all = {{"name", status.name},
                    {"manifests", status.manifests},
                    {"ready", status.ready},
                    {"nodes", nodes},
                    {"endpoints", endpoints}};
  return all.dump(2) + "\n";
}

}  // namespace outrigger::lab
