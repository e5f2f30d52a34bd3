// networking.k8s.io/v1 NetworkPolicy, with the API server's own validation and defaults.
#include "manifest/readers.h"
#include "manifest/syntax.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

constexpr size_t kMaxEntries = 10000;  // Kubernetes bounds only the size of the whole object

// The ports from `first` to endPort.
void read_range(const Spot& end_port, PortMatch& match) {
  match.last = static_cast<uint16_t>(read_number(end_port, 1, 65535).value_or(match.last));
  if (match.last < match.first) {
    end_port.fault(cat("is ", match.last, ", must be at least port, which is ", match.first));
  }
}

// A port is a number or a name; with neither, every port of the protocol.
PortMatch read_port(const Spot& at) {
  PortMatch match{.protocol = Protocol::kTcp, .first = 0, .last = 0, .name = ""};
  const Map map(at, {"protocol", "port", "endPort"});
  if (const auto protocol = map.get("protocol"))
    match.protocol = read_protocol(*protocol).value_or(Protocol::kTcp);
  const auto port = map.get("port");
  const auto end_port = map.get("endPort");
  if (!port) {
    if (end_port) end_port->fault("needs port beside it, the first port of the range");
    return match;
  }
  if (is_number_or_bool(port->value())) {
    match.first = match.last = static_cast<uint16_t>(read_number(*port, 1, 65535).value_or(0));
    if (end_port && match.first != 0) read_range(*end_port, match);
    return match;
  }
  if (const auto name = read_text(*port)) {
    const std::string problem = port_name_fault(*name);
    if (!problem.empty()) port->fault(problem);
    match.name = *name;
  }
  if (end_port) end_port->fault("needs a numeric port beside it; a named port is no range");
  return match;
}

void read_ip_block(const Spot& at, PeerMatch& peer) {
  const Map map(at, {"cidr", "except"});
  const auto cidr = map.need("cidr");
  peer.cidr = cidr ? read_prefix(*cidr, HostBits::kClear) : std::nullopt;
  const auto except = map.get("except");
  if (!except) return;
  read_list(*except, kMaxEntries, [&](const Spot& item) {
    const auto prefix = read_prefix(item, HostBits::kClear);
    if (!prefix || !peer.cidr) return;
    const bool inside = prefix->is_v4() == peer.cidr->is_v4() && peer.cidr->contains(*prefix);
    if (!inside || prefix->length == peer.cidr->length) {
      item.fault(cat("is ", prefix->str(), ", must lie inside cidr, which is ", peer.cidr->str(),
                     ", and be smaller"));
    }
    peer.except.push_back(*prefix);
  });
}

PeerMatch read_peer(const Spot& at) {
  PeerMatch peer;
  const Map map(at, {"podSelector", "namespaceSelector", "ipBlock"});
  const auto pods = map.get("podSelector");
  const auto namespaces = map.get("namespaceSelector");
  const auto block = map.get("ipBlock");
  if (pods) peer.pods = read_selector(*pods);
  if (namespaces) peer.namespaces = read_selector(*namespaces);
  if (block) read_ip_block(*block, peer);
  if (map.valid() && !pods && !namespaces && !block) {
    at.fault("names no peer; give podSelector, namespaceSelector or ipBlock ({} as a selector takes all)");
  }
  if (block && (pods || namespaces)) at.fault("ipBlock cannot stand with a selector; make two entries of it");
  return peer;
}

PolicyRule read_rule(const Spot& at, std::string_view peers_field) {
  PolicyRule rule;
  if (at.is_null()) {
    at.fault("is empty; write {} for a rule that allows everything");
    return rule;
  }
  const Map map(at, {peers_field, "ports"});
  if (const auto peers = map.get(peers_field)) {
    read_list(*peers, kMaxEntries, [&](const Spot& item) { rule.peers.push_back(read_peer(item)); });
  }
  if (const auto ports = map.get("ports")) {
    read_list(*ports, kMaxEntries, [&](const Spot& item) { rule.ports.push_back(read_port(item)); });
  }
  return rule;
}

// Absent: Ingress, and Egress when the policy has an egress section with rules (as the API server defaults
// it).
void read_types(const Map& spec, NetworkPolicy& policy) {
  const auto types = spec.get("policyTypes");
  if (!types || types->value().items.empty()) {
    policy.ingress_isolated = true;
    policy.egress_isolated = !policy.egress.empty();
  }
  if (!types) return;
  read_list(*types, 2, [&](const Spot& item) {
    const auto choice = read_choice(item, {"Ingress", "Egress"});
    if (!choice) return;
    (*choice == 0 ? policy.ingress_isolated : policy.egress_isolated) = true;
  });
}

}  // namespace

Object read_network_policy(const Map& top, Metadata meta) {
  NetworkPolicy policy;
  policy.meta = std::move(meta);
  const auto at = top.need("spec");
  if (!at) return policy;
  const Map spec(*at, {"podSelector", "ingress", "egress", "policyTypes"});
  if (const auto subject = spec.get("podSelector")) policy.subject = read_selector(*subject);
  if (const auto ingress = spec.get("ingress")) {
    read_list(*ingress, kMaxEntries,
              [&](const Spot& item) { policy.ingress.push_back(read_rule(item, "from")); });
  }
  if (const auto egress = spec.get("egress")) {
    read_list(*egress, kMaxEntries,
              [&](const Spot& item) { policy.egress.push_back(read_rule(item, "to")); });
  }
  read_types(spec, policy);
  return policy;
}

}  // namespace outrigger::manifest
