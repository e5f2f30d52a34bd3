// policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy and BaselineAdminNetworkPolicy, as of
// network-policy-api v0.1.
#include <algorithm>

#include "manifest/readers.h"
#include "manifest/syntax.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

// The bounds of the upstream schema.
constexpr size_t kMaxRules = 100;
constexpr size_t kMaxPeers = 100;
constexpr size_t kMaxPorts = 100;
constexpr size_t kMaxNetworks = 25;
constexpr size_t kMaxRuleName = 100;
constexpr uint64_t kMaxPriority = 1000;

// Says so unless exactly one of `fields` is given.
bool check_one_of(const Spot& at, const Map& map, Map::Known fields) {
  if (!map.valid()) return false;
  size_t given = 0;
  std::string names;
  for (const std::string_view field : fields) {
    if (map.get(field)) ++given;
    append(names, names.empty() ? "" : ", ", field);
  }
  if (given == 1) return true;
  // A misspelt one has been reported as unknown; that says it all.
  const auto& all = at.value().fields;
  const bool misspelt = std::any_of(all.begin(), all.end(), [&](const YamlField& field) {
    return std::find(fields.begin(), fields.end(), field.key) == fields.end();
  });
  if (given == 0 && misspelt) return false;
  at.fault(cat(given == 0 ? "must have one of " : "must have only one of ", names));
  return false;
}

struct NamespacedPods {
  LabelSelector namespaces;
  LabelSelector pods;
};

NamespacedPods read_namespaced_pods(const Spot& at) {
  NamespacedPods selectors;
  const Map map(at, {"namespaceSelector", "podSelector"});
  if (const auto namespaces = map.need("namespaceSelector"))
    selectors.namespaces = read_selector(*namespaces);
  if (const auto pods = map.need("podSelector")) selectors.pods = read_selector(*pods);
  return selectors;
}

void read_subject(const Spot& at, AdminPolicy& policy) {
  const Map map(at, {"namespaces", "pods"});
  if (!check_one_of(at, map, {"namespaces", "pods"})) return;
  if (const auto namespaces = map.get("namespaces")) policy.subject_namespaces = read_selector(*namespaces);
  if (const auto pods = map.get("pods")) {
    NamespacedPods selectors = read_namespaced_pods(*pods);
    policy.subject_namespaces = std::move(selectors.namespaces);
    policy.subject_pods = std::move(selectors.pods);
  }
}

// A `networks` entry of several prefixes is several peers.
void read_networks(const Spot& at, std::vector<PeerMatch>& peers) {
  read_list(at, kMaxNetworks, [&](const Spot& item) {
    PeerMatch peer;
    peer.cidr = read_prefix(item, HostBits::kClear);
    if (peer.cidr) peers.push_back(std::move(peer));
  });
  if (at.value().type == Yaml::Type::kList && at.value().items.empty())
    at.fault("must have at least one prefix");
}

void read_selected(const Map& map, std::vector<PeerMatch>& peers) {
  PeerMatch peer;
  if (const auto namespaces = map.get("namespaces")) peer.namespaces = read_selector(*namespaces);
  if (const auto pods = map.get("pods")) {
    NamespacedPods selectors = read_namespaced_pods(*pods);
    peer.namespaces = std::move(selectors.namespaces);
    peer.pods = std::move(selectors.pods);
  }
  if (peer.namespaces) peers.push_back(std::move(peer));
}

void read_ingress_peer(const Spot& at, std::vector<PeerMatch>& peers) {
  const Map map(at, {"namespaces", "pods"});
  if (check_one_of(at, map, {"namespaces", "pods"})) read_selected(map, peers);
}

void read_egress_peer(const Spot& at, std::vector<PeerMatch>& peers) {
  const Map map(at, {"namespaces", "pods", "networks", "nodes", "domainNames"});
  for (const std::string_view unsupported : {"nodes", "domainNames"}) {
    const auto found = map.get(unsupported);
    if (!found) continue;
    found->fault("not supported by Outrigger; use networks with the addresses meant");
    return;
  }
  if (!check_one_of(at, map, {"namespaces", "pods", "networks"})) return;
  if (const auto networks = map.get("networks")) read_networks(*networks, peers);
  read_selected(map, peers);
}

uint16_t read_port_number(const Map& map, std::string_view key) {
  const auto at = map.need(key);
  return at ? static_cast<uint16_t>(read_number(*at, 1, 65535).value_or(0)) : 0;
}

void read_protocol_into(const Map& map, PortMatch& match) {
  const auto at = map.get("protocol");
  match.protocol = at ? read_protocol(*at).value_or(Protocol::kTcp) : Protocol::kTcp;
}

PortMatch read_port(const Spot& at) {
  PortMatch match;
  const Map map(at, {"portNumber", "portRange", "namedPort"});
  if (!check_one_of(at, map, {"portNumber", "portRange", "namedPort"})) return match;
  if (const auto number = map.get("portNumber")) {
    const Map fields(*number, {"protocol", "port"});
    read_protocol_into(fields, match);
    match.first = match.last = read_port_number(fields, "port");
  }
  if (const auto range = map.get("portRange")) {
    const Map fields(*range, {"protocol", "start", "end"});
    read_protocol_into(fields, match);
    match.first = read_port_number(fields, "start");
    match.last = read_port_number(fields, "end");
    if (match.last != 0 && match.last < match.first) {
      range->fault(cat("end is ", match.last, ", must be at least start, which is ", match.first));
    }
  }
  if (const auto name = map.get("namedPort")) {
    const auto text = read_text(*name);
    match.name = text.value_or("");
    const std::string problem = text ? port_name_fault(*text) : "";
    if (!problem.empty()) name->fault(problem);
  }
  return match;
}

Action read_action(const Spot& at, bool baseline) {
  const auto choice =
      baseline ? read_choice(at, {"Allow", "Deny"}) : read_choice(at, {"Allow", "Deny", "Pass"});
  return static_cast<Action>(choice.value_or(0));
}

using ReadPeer = void (*)(const Spot&, std::vector<PeerMatch>&);

PolicyRule read_rule(const Spot& at, std::string_view peers_field, ReadPeer read_peer, bool baseline) {
  PolicyRule rule;
  const Map map(at, {"name", "action", peers_field, "ports"});
  if (const auto name = map.get("name")) {
    rule.name = read_text(*name).value_or("");
    if (rule.name.size() > kMaxRuleName) name->fault("has more than 100 characters, the limit");
  }
  if (const auto action = map.need("action")) rule.action = read_action(*action, baseline);
  if (const auto peers = map.need(peers_field)) {
    read_list(*peers, kMaxPeers, [&](const Spot& item) { read_peer(item, rule.peers); });
    if (peers->value().type == Yaml::Type::kList && peers->value().items.empty()) {
      peers->fault("must have at least one peer; {namespaces: {}} is every one");
    }
  }
  if (const auto ports = map.get("ports")) {
    read_list(*ports, kMaxPorts, [&](const Spot& item) { rule.ports.push_back(read_port(item)); });
  }
  return rule;
}

AdminPolicy read_policy(const Map& top, Metadata meta, bool baseline) {
  AdminPolicy policy;
  policy.meta = std::move(meta);
  policy.baseline = baseline;
  const auto at = top.need("spec");
  if (!at) return policy;
  const Map spec = baseline ? Map(*at, {"subject", "ingress", "egress"})
                            : Map(*at, {"priority", "subject", "ingress", "egress"});
  if (!baseline) {
    const auto priority = spec.need("priority");
    if (priority)
      policy.priority = static_cast<uint32_t>(read_number(*priority, 0, kMaxPriority).value_or(0));
  }
  if (const auto subject = spec.need("subject")) read_subject(*subject, policy);
  if (const auto ingress = spec.get("ingress")) {
    read_list(*ingress, kMaxRules, [&](const Spot& item) {
      policy.ingress.push_back(read_rule(item, "from", read_ingress_peer, baseline));
    });
  }
  if (const auto egress = spec.get("egress")) {
    read_list(*egress, kMaxRules, [&](const Spot& item) {
      policy.egress.push_back(read_rule(item, "to", read_egress_peer, baseline));
    });
  }
  return policy;
}

}  // namespace

Object read_admin_policy(const Map& top, Metadata meta) { return read_policy(top, std::move(meta), false); }

Object read_baseline_policy(const Map& top, Metadata meta) { return read_policy(top, std::move(meta), true); }

}  // namespace outrigger::manifest
