#include "compiler/naive.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"

namespace outrigger::compiler::naive {
namespace {

using Objects = std::vector<const manifest::Object*>;
using manifest::AdminPolicy;
using manifest::Labels;
using manifest::LabelSelector;
using manifest::NetworkPolicy;
using manifest::PeerMatch;
using manifest::PolicyRule;
using manifest::PortMatch;
using manifest::Requirement;

// An endpoint or a pod.
struct Someone {
  std::string ns, name;
  Labels labels;
  std::vector<IpAddress> addresses;
  std::vector<manifest::NamedPort> ports;
  bool enforced = false;
};

// What one side's policies look at.
struct Question {
  const Objects& objects;
  bool ingress;
  const Someone& subject;
  const Someone* peer;      // nullptr: an outside address
  IpAddress peer_address;   // zero: it has none
  const Someone* receiver;  // whose port it is: the destination
  uint8_t protocol;
  uint16_t port;
};

template <typename T>
std::vector<const T*> all(const Objects& objects) {
  std::vector<const T*> found;
  for (const manifest::Object* object : objects) {
    if (const T* one = std::get_if<T>(object)) found.push_back(one);
  }
  std::sort(found.begin(), found.end(), [](const T* a, const T* b) {
    return std::pair(a->meta.ns, a->meta.name) < std::pair(b->meta.ns, b->meta.name);
  });
  return found;
}

bool on_dpu(const Objects& objects, const std::string& node) {
  for (const manifest::Node* one : all<manifest::Node>(objects)) {
    if (one->meta.name == node) return one->kind == manifest::Node::Kind::kDpu;
  }
  return false;
}

std::vector<Someone> people(const Objects& objects) {
  std::vector<Someone> found;
  for (const auto* one : all<manifest::Endpoint>(objects)) {
    found.push_back({one->meta.ns, one->meta.name, one->meta.labels, one->addresses, one->ports,
                     on_dpu(objects, one->node)});
  }
  for (const auto* one : all<manifest::Pod>(objects)) {
    found.push_back({one->meta.ns, one->meta.name, one->meta.labels, one->addresses, one->ports, true});
  }
  return found;
}

bool holds(const Requirement& requirement, const Labels& labels) {
  const bool present = labels.count(requirement.key) != 0;
  bool listed = false;
  for (const std::string& value : requirement.values)
    listed = listed || (present && labels.at(requirement.key) == value);
  if (requirement.op == Requirement::Operator::kIn) return listed;
  if (requirement.op == Requirement::Operator::kNotIn) return !listed;
  if (requirement.op == Requirement::Operator::kExists) return present;
  return !present;
}

bool selects(const LabelSelector& selector, const Labels& labels) {
  for (const Requirement& requirement : selector.requirements) {
    if (!holds(requirement, labels)) return false;
  }
  return true;
}

Labels namespace_labels(const Objects& objects, const std::string& name) {
  Labels labels;
  for (const auto* one : all<manifest::Namespace>(objects)) {
    if (one->meta.name == name) labels = one->meta.labels;
  }
  labels["kubernetes.io/metadata.name"] = name;
  return labels;
}

// Bit by bit, and only inside the prefix's own family.
bool inside(const IpPrefix& prefix, const IpAddress& address) {
  const bool v4 = prefix.address.is_v4() && prefix.length >= 96;
  if (v4 != address.is_v4() || address == IpAddress{}) return false;
  const std::string a = prefix.address.bytes(), b = address.bytes();
  for (unsigned bit = 0; bit < prefix.length; ++bit) {
    if (((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

bool peer_matches(const Question& q, const PeerMatch& peer, const std::string& policy_ns) {
  if (peer.cidr) {
    if (!inside(*peer.cidr, q.peer_address)) return false;
    for (const IpPrefix& except : peer.except) {
      if (inside(except, q.peer_address)) return false;
    }
    return true;
  }
  if (q.peer == nullptr) return false;
  if (peer.pods && !selects(*peer.pods, q.peer->labels)) return false;
  if (peer.namespaces) return selects(*peer.namespaces, namespace_labels(q.objects, q.peer->ns));
  return q.peer->ns == policy_ns;
}

bool port_matches(const Question& q, const PortMatch& port) {
  if (port.protocol && static_cast<uint8_t>(*port.protocol) != q.protocol) return false;
  if (port.name.empty())
    return (port.first == 0 && port.last == 0) || (q.port >= port.first && q.port <= port.last);
  if (q.receiver == nullptr) return false;
  for (const manifest::NamedPort& own : q.receiver->ports) {
    if (own.name == port.name && static_cast<uint8_t>(own.protocol) == q.protocol && own.port == q.port)
      return true;
  }
  return false;
}

bool rule_matches(const Question& q, const PolicyRule& rule, const std::string& policy_ns) {
  bool peer = rule.peers.empty();
  for (const PeerMatch& one : rule.peers) peer = peer || peer_matches(q, one, policy_ns);
  bool port = rule.ports.empty();
  for (const PortMatch& one : rule.ports) port = port || port_matches(q, one);
  return peer && port;
}

std::string rule_name(const Question& q, const std::string& policy, size_t index, const PolicyRule& rule) {
  std::string name = absl::StrCat(policy, q.ingress ? " ingress[" : " egress[", index, "]");
  if (!rule.name.empty()) absl::StrAppend(&name, " \"", rule.name, "\"");
  return name;
}

// The first matching rule of an admin policy's direction: its action, and its name in `named`.
std::optional<manifest::Action> first_match(const Question& q, const AdminPolicy& policy,
                                            std::string& named) {
  if (!selects(policy.subject_namespaces, namespace_labels(q.objects, q.subject.ns))) return std::nullopt;
  if (policy.subject_pods && !selects(*policy.subject_pods, q.subject.labels)) return std::nullopt;
  const std::vector<PolicyRule>& rules = q.ingress ? policy.ingress : policy.egress;
  const std::string kind = policy.baseline ? "BaselineAdminNetworkPolicy " : "AdminNetworkPolicy ";
  for (size_t i = 0; i < rules.size(); ++i) {
    if (!rule_matches(q, rules[i], "")) continue;
    named = rule_name(q, kind + policy.meta.name, i, rules[i]);
    return rules[i].action;
  }
  return std::nullopt;
}

// nullopt: none decides, or the first match passes the question on.
std::optional<Side> ask_admin(const Question& q, bool baseline) {
  std::vector<const AdminPolicy*> policies = all<AdminPolicy>(q.objects);
  std::stable_sort(policies.begin(), policies.end(),
                   [](const auto* a, const auto* b) { return a->priority < b->priority; });
  for (const AdminPolicy* policy : policies) {
    if (policy->baseline != baseline) continue;
    std::string name;
    const auto action = first_match(q, *policy, name);
    if (!action) continue;
    if (*action == manifest::Action::kPass) return std::nullopt;
    return Side{true, *action == manifest::Action::kAllow, {name}};
  }
  return std::nullopt;
}

// nullopt: no NetworkPolicy isolates the subject in this direction.
std::optional<Side> ask_network(const Question& q) {
  std::vector<const NetworkPolicy*> isolating;
  for (const NetworkPolicy* policy : all<NetworkPolicy>(q.objects)) {
    if (!(q.ingress ? policy->ingress_isolated : policy->egress_isolated)) continue;
    if (policy->meta.ns == q.subject.ns && selects(policy->subject, q.subject.labels))
      isolating.push_back(policy);
  }
  if (isolating.empty()) return std::nullopt;
  Side side{true, true, {}};
  for (const NetworkPolicy* policy : isolating) {
    const std::vector<PolicyRule>& rules = q.ingress ? policy->ingress : policy->egress;
    const std::string name = absl::StrCat("NetworkPolicy ", policy->meta.ns, "/", policy->meta.name);
    for (size_t i = 0; i < rules.size(); ++i) {
      if (rule_matches(q, rules[i], policy->meta.ns)) side.rules.push_back(rule_name(q, name, i, rules[i]));
    }
  }
  if (!side.rules.empty()) return side;
  const manifest::Metadata& first = isolating[0]->meta;
  std::string name = absl::StrCat("NetworkPolicy ", first.ns, "/", first.name,
                                  q.ingress ? " ingress isolation" : " egress isolation");
  if (isolating.size() > 1) absl::StrAppend(&name, " (and ", isolating.size() - 1, " more)");
  return Side{true, false, {name}};
}

Side ask(const Question& q) {
  if (auto side = ask_admin(q, false)) return *side;
  if (auto side = ask_network(q)) return *side;
  if (auto side = ask_admin(q, true)) return *side;
  return Side{true, true, {}};
}

absl::StatusOr<const Someone*> find(const std::vector<Someone>& everyone, const Party& party) {
  for (const Someone& one : everyone) {
    if (!party.name.empty() && absl::StrCat(one.ns, "/", one.name) == party.name) return &one;
    if (party.name.empty() && std::count(one.addresses.begin(), one.addresses.end(), party.address) != 0)
      return &one;
  }
  if (!party.name.empty()) return absl::NotFoundError(absl::StrCat(party.name, ": no such endpoint or pod"));
  return nullptr;
}

// The address `one` would use towards the other side.
IpAddress address_towards(const Someone* one, const Party& party, const Someone* other,
                          const Party& other_party) {
  if (one == nullptr || party.address != IpAddress{}) return party.address;
  for (const bool v4 : {true, false}) {
    const auto fits = [v4](const IpAddress& address) { return address.is_v4() == v4; };
    const auto mine = std::find_if(one->addresses.begin(), one->addresses.end(), fits);
    const bool theirs =
        other_party.address != IpAddress{}
            ? fits(other_party.address)
            : other != nullptr && std::any_of(other->addresses.begin(), other->addresses.end(), fits);
    if (mine != one->addresses.end() && theirs) return *mine;
  }
  return {};
}

}  // namespace

absl::StatusOr<Answer> judge(const Objects& objects, const Party& source, const Party& destination,
                             uint8_t protocol, uint16_t port) {
  const std::vector<Someone> everyone = people(objects);
  const auto from = find(everyone, source);
  if (!from.ok()) return from.status();
  const auto to = find(everyone, destination);
  if (!to.ok()) return to.status();
  Answer answer;
  if (*from != nullptr && *from == *to) return answer;  // nobody can be cut off from itself
  const IpAddress source_address = address_towards(*from, source, *to, destination);
  const IpAddress destination_address = address_towards(*to, destination, *from, source);
  if (*from != nullptr && (*from)->enforced) {
    answer.egress = ask({objects, false, **from, *to, destination_address, *to, protocol, port});
  }
  if (*to != nullptr && (*to)->enforced) {
    answer.ingress = ask({objects, true, **to, *from, source_address, *to, protocol, port});
  }
  return answer;
}

}  // namespace outrigger::compiler::naive
