#include "bench/scenario.h"

#include "base/address.h"

namespace outrigger::bench {

namespace v1 = ::outrigger::engine::v1;

namespace {

constexpr uint32_t kVni = 100;
constexpr uint32_t kTenant = 0, kOther = 1;  // endpoints
constexpr uint32_t kTenantPort = 1, kOtherPort = 2;
constexpr uint32_t kTenantClass = 1, kOtherClass = 2;

std::string mac(std::string_view text) {
  std::string out(6, '\0');
  MacAddress::parse(text)->store(out.data());
  return out;
}

void set(v1::Prefix* wire, const IpPrefix& prefix) {
  wire->set_address(prefix.address.bytes());
  wire->set_length(prefix.length);
}

v1::Endpoint* add_endpoint(v1::Structure& structure, uint32_t id, std::string_view name,
                           std::string_view mac_text, std::string_view behind) {
  v1::Endpoint* endpoint = structure.add_endpoints();
  endpoint->set_id(id);
  endpoint->set_name(std::string(name));
  endpoint->set_vni(kVni);
  endpoint->set_mac(mac(mac_text));
  set(endpoint->add_prefixes(), *IpPrefix::parse(behind));
  return endpoint;
}

v1::Rule rule(uint32_t id, uint32_t class_id, v1::Rule::Direction direction, uint32_t selector) {
  v1::Rule out;
  out.set_id(id);
  out.set_class_(class_id);
  out.set_direction(direction);
  out.set_selector(selector);
  out.set_tier(v1::Rule::NETWORK);
  return out;
}

void add_block(v1::Policy& policy, uint32_t id, const IpPrefix& prefix) {
  v1::Selector* selector = policy.add_set_selectors();
  selector->set_id(id);
  set(selector->add_blocks()->mutable_cidr(), prefix);
}

}  // namespace

void Scenario::add_structure(v1::Structure& structure) const {
  structure.set_node("bench");
  v1::Port* inside = structure.add_ports();
  inside->set_id(kTenantPort);
  inside->set_device(spec_.inside);
  v1::Port* outside = structure.add_ports();
  outside->set_id(kOtherPort);
  outside->set_device(spec_.outside);
  v1::Network* network = structure.add_networks();
  network->set_vni(kVni);
  network->set_name("bench");
  network->set_mtu(1450);
  network->set_gateway_mac(mac("02:6f:75:00:00:64"));
  v1::Subnet* subnet = network->add_subnets();
  set(subnet->mutable_prefix(), *IpPrefix::parse("10.0.0.0/8"));
  subnet->set_gateway(IpAddress::parse("10.255.255.254")->bytes());
  add_endpoint(structure, kTenant, "bench/tenant", "02:00:0a:00:00:01", "10.0.0.0/9")->set_port(kTenantPort);
  v1::Endpoint* other = add_endpoint(structure, kOther, "bench/other", "02:00:0a:80:00:01", "10.128.0.0/16");
  if (!spec_.overlay) return other->set_port(kOtherPort);
  outside->set_role(v1::Port::UPLINK);
  structure.add_underlay(IpAddress::parse("192.168.100.1")->bytes());
  structure.set_underlay_mac(mac("02:00:00:00:00:01"));
  v1::Peer* peer = structure.add_peers();
  peer->set_id(1);
  peer->set_name("peer");
  peer->add_underlay(IpAddress::parse("192.168.100.2")->bytes());
  peer->set_mac(mac("02:00:00:00:00:02"));
  other->set_peer(1);
}

// Deterministic: rule i is the same in every run.  Shapes and shares as in the peers' rule set.
void Scenario::add_random_rule(v1::Policy& policy, uint32_t id, std::mt19937& random) {
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  const uint32_t address = 10u << 24 | (200 + below(51)) << 16 | below(256) << 8 | (1 + below(254));
  const uint32_t shape = below(10);
  const auto length = static_cast<uint8_t>(shape >= 4 && shape < 7 ? 120 : 128);
  const IpAddress host = IpAddress::v4(address);
  add_block(policy, id, {IpPrefix::mask(host, length), length});
  v1::Rule made = rule(id, kTenantClass, v1::Rule::EGRESS, id);
  made.set_protocol(below(3) < 2 ? 6 : 17);
  if (shape != 9) {
    const uint32_t port = 1024 + below(64512);
    made.set_first_port(port);
    made.set_last_port(port);
  }
  if (below(5) == 0) {
    made.set_tier(v1::Rule::ADMIN);
    made.set_action(v1::Rule::DENY);
    made.set_rank(id & 0xffffff);
  }
  *policy.add_add_rules() = made;
}

void Scenario::add_policy(v1::Policy& policy) {
  policy.set_replace(true);
  if (spec_.rules == 0) return;
  for (const uint32_t id : {kTenantClass, kOtherClass}) {
    v1::Class* one = policy.add_set_classes();
    one->set_id(id);
    one->set_ingress_isolated(true);
    one->set_egress_isolated(true);
  }
  for (const auto& [endpoint, class_id] :
       {std::pair{kTenant, kTenantClass}, std::pair{kOther, kOtherClass}}) {
    v1::Subject* subject = policy.add_set_subjects();
    subject->set_endpoint(endpoint);
    subject->set_class_(class_id);
  }
  add_block(policy, 1, *IpPrefix::parse("10.128.0.0/16"));
  add_block(policy, 2, *IpPrefix::parse("10.0.0.0/8"));
  for (const uint32_t protocol : {6u, 17u}) {
    v1::Rule out = rule(1, kTenantClass, v1::Rule::EGRESS, 1);
    out.set_protocol(protocol);
    *policy.add_add_rules() = out;
    v1::Rule in = rule(2, kOtherClass, v1::Rule::INGRESS, 2);
    in.set_protocol(protocol);
    *policy.add_add_rules() = in;
  }
  std::mt19937 random(7);
  for (uint32_t id = 3; id < spec_.rules; ++id) add_random_rule(policy, id, random);
}

std::string Scenario::initial() {
  v1::Update update;
  update.set_generation(++generation_);
  add_structure(*update.mutable_structure());
  add_policy(*update.mutable_policy());
  return update.SerializeAsString();
}

std::string Scenario::next_change(unsigned rules) {
  v1::Update update;
  update.set_generation(++generation_);
  v1::Policy& policy = *update.mutable_policy();
  if (added_.add_rules_size() > 0) {
    for (const v1::Selector& selector : added_.set_selectors()) policy.add_remove_selectors(selector.id());
    policy.mutable_remove_rules()->Swap(added_.mutable_add_rules());
    added_.Clear();
    return update.SerializeAsString();
  }
  std::mt19937 random(static_cast<unsigned>(generation_));
  for (unsigned i = 0; i < rules; ++i) add_random_rule(policy, spec_.rules + 10 + i, random);
  added_ = policy;
  return update.SerializeAsString();
}

}  // namespace outrigger::bench
