#include "compiler/health_network.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace outrigger::compiler {

namespace v1 = ::outrigger::engine::v1;

namespace {

using manifest::Node;

constexpr uint32_t kMtu = 1280;                      // RFC 8200 §5; probes are far smaller
constexpr uint64_t kSubnet = 0xfd6f'7574'7269'fffe;  // RFC 4193 §3.1: "outri", subnet fffe
constexpr uint32_t kQuota = 4096;                    // sessions of each probe port
constexpr uint8_t kTcp = 6, kUdp = 17;

// FNV-1a and a finaliser: the same on every machine and in every version, unlike std::hash.
uint64_t hash_of(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  return hash ^ hash >> 33;
}

std::string bytes(const MacAddress& mac) { return {reinterpret_cast<const char*>(mac.bytes.data()), 6}; }

std::string named(const char* what) { return absl::StrCat(kHealthPrefix, what); }

std::string end_name(const std::string& node, bool b) {
  return absl::StrCat(kHealthPrefix, b ? "probe-b@" : "probe-a@", node);
}

bool reaches(const Node& from, const Node& to) {
  return std::any_of(from.underlay.begin(), from.underlay.end(), [&](const IpAddress& mine) {
    return std::any_of(to.underlay.begin(), to.underlay.end(),
                       [&](const IpAddress& theirs) { return mine.is_v4() == theirs.is_v4(); });
  });
}

std::vector<const Node*> peers_of(const Objects& objects, const Node& node) {
  std::vector<const Node*> peers;
  for (const Node* other : objects.nodes) {
    if (other != &node && other->kind == Node::Kind::kDpu && reaches(node, *other)) peers.push_back(other);
  }
  return peers;
}

// 64 bits of a hash meet by chance never, and by intent here.
absl::Status nobody_twice(const std::vector<const Node*>& nodes) {
  std::map<MacAddress, const Node*> by_mac;
  for (const Node* node : nodes) {
    const auto [at, fresh] = by_mac.emplace(probe_end(node->meta.name, false).mac, node);
    if (fresh) continue;
    return absl::InvalidArgumentError(absl::StrCat("Node ", node->meta.name,
                                                   ": its name gives the probe address of Node ",
                                                   at->second->meta.name, "; rename one of them"));
  }
  return absl::OkStatus();
}

class Writer {
 public:
  Writer(const Node& node, Ids& ids, Compiled& out) : node_(node.meta.name), ids_(ids), out_(out) {}

  void network() {
    v1::Network& made = *out_.structure.add_networks();
    made.set_vni(manifest::kHealthVni);
    made.set_name(named("network"));
    made.set_mtu(kMtu);
    made.set_gateway_mac(bytes(health_gateway_mac()));
    v1::Subnet& subnet = *made.add_subnets();
    subnet.mutable_prefix()->set_address(IpAddress{kSubnet, 0}.bytes());
    subnet.mutable_prefix()->set_length(64);
    subnet.set_gateway(IpAddress{kSubnet, 1}.bytes());
  }

  void local(bool b) {
    const uint32_t port = b ? kProbePortB : kProbePortA;
    v1::Port& made = *out_.structure.add_ports();
    made.set_id(port);
    made.set_role(v1::Port::ENDPOINT);
    made.set_device("probe");
    made.set_mtu(kMtu);
    endpoint(node_, b).set_port(port);
  }

  void remote(const Node& peer) { endpoint(peer.meta.name, false).set_peer(ids_.peers.id(peer.meta.name)); }

  // As a NetworkPolicy with one allowed port and an AdminNetworkPolicy with one denied port would compile:
  // the probes go through the same tables as everybody's packets.
  void policy() {
    const uint32_t id = ids_.classes.id(named("policy"));
    out_.class_names.emplace(id, named("policy"));
    v1::Class& made = *out_.policy.add_set_classes();
    made.set_id(id);
    made.set_ingress_isolated(true);
    made.set_ingress_default_rule(rule_id("isolation"));
    v1::Subject& subject = *out_.policy.add_set_subjects();
    subject.set_endpoint(ids_.endpoints.id(end_name(node_, true)));
    subject.set_class_(id);
    for (const uint8_t protocol : {kTcp, kUdp}) {
      rule(id, "allow", protocol, kAllowedPort, v1::Rule::NETWORK, v1::Rule::ALLOW);
      rule(id, "deny", protocol, kDeniedPort, v1::Rule::ADMIN, v1::Rule::DENY);
    }
  }

 private:
  v1::Endpoint& endpoint(const std::string& node, bool b) {
    const ProbeEnd end = probe_end(node, b);
    const std::string name = end_name(node, b);
    v1::Endpoint& made = *out_.structure.add_endpoints();
    made.set_id(ids_.endpoints.id(name));
    made.set_name(name);
    made.set_vni(manifest::kHealthVni);
    made.set_mac(bytes(end.mac));
    made.add_addresses(end.address.bytes());
    made.set_session_quota(kQuota);
    out_.endpoint_names.emplace(made.id(), name);
    return made;
  }

  uint32_t rule_id(const char* what) {
    const std::string name = named(what);
    const uint32_t id = ids_.rules.id(name);
    out_.rule_names.emplace(id, name);
    return id;
  }

  void rule(uint32_t class_id, const char* what, uint8_t protocol, uint16_t port, v1::Rule::Tier tier,
            v1::Rule::Action action) {
    v1::Rule& made = *out_.policy.add_add_rules();
    made.set_id(rule_id(what));
    made.set_class_(class_id);
    made.set_direction(v1::Rule::INGRESS);
    made.set_protocol(protocol);
    made.set_first_port(port);
    made.set_last_port(port);
    made.set_tier(tier);
    made.set_action(action);
  }

  const std::string& node_;
  Ids& ids_;
  Compiled& out_;
};

}  // namespace

MacAddress health_gateway_mac() {
  const uint32_t vni = manifest::kHealthVni;
  return {{0x02, 0x6f, 0x75, static_cast<uint8_t>(vni >> 16), static_cast<uint8_t>(vni >> 8),
           static_cast<uint8_t>(vni)}};
}

// The last bit tells a from b; the first of the interface identifier keeps clear of the gateway's ::1.
ProbeEnd probe_end(const std::string& node, bool b) {
  const uint64_t hash = hash_of(node);
  const uint64_t last = b ? 1 : 0;
  ProbeEnd end;
  end.address = {kSubnet, (hash | uint64_t{1} << 63 | 1) - 1 + last};
  end.mac.bytes = {0x06,
                   static_cast<uint8_t>(hash >> 32),
                   static_cast<uint8_t>(hash >> 24),
                   static_cast<uint8_t>(hash >> 16),
                   static_cast<uint8_t>(hash >> 8),
                   static_cast<uint8_t>((hash & 0xfe) | last)};
  return end;
}

HealthPlan plan_health(const std::vector<const manifest::Object*>& list, const std::string& name) {
  const Objects objects(list);
  HealthPlan plan{probe_end(name, false), probe_end(name, true), {}};
  const Node* node = objects.node(name);
  if (node == nullptr) return plan;
  for (const Node* peer : peers_of(objects, *node)) {
    plan.peers.push_back({peer->meta.name, probe_end(peer->meta.name, false)});
  }
  return plan;
}

namespace {

template <typename Field, typename Predicate>
void erase_if(Field& field, Predicate unwanted) {
  field.erase(std::remove_if(field.begin(), field.end(), unwanted), field.end());
}

}  // namespace

void remove_health_network(v1::Structure& structure, v1::Policy& policy) {
  std::set<uint32_t> gone;
  for (const v1::Endpoint& endpoint : structure.endpoints()) {
    if (is_health(endpoint.name())) gone.insert(endpoint.id());
  }
  erase_if(*structure.mutable_endpoints(), [&](const auto& one) { return gone.contains(one.id()); });
  erase_if(*policy.mutable_set_subjects(), [&](const auto& one) { return gone.contains(one.endpoint()); });
  erase_if(*structure.mutable_networks(), [](const auto& one) { return one.vni() == manifest::kHealthVni; });
  erase_if(*structure.mutable_ports(),
           [](const auto& one) { return one.id() == kProbePortA || one.id() == kProbePortB; });
}

absl::Status add_health_network(const Objects& objects, const Node& node, Ids& ids, Compiled& out) {
  std::vector<const Node*> nodes = peers_of(objects, node);
  nodes.push_back(&node);
  if (absl::Status status = nobody_twice(nodes); !status.ok()) return status;
  nodes.pop_back();
  Writer writer(node, ids, out);
  writer.network();
  writer.local(false);
  writer.local(true);
  for (const Node* peer : nodes) writer.remote(*peer);
  writer.policy();
  return absl::OkStatus();
}

}  // namespace outrigger::compiler
