// Short forms for writing changes in tests.
#pragma once

#include <string_view>
#include <vector>

#include "base/address.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::policy::testing {

namespace pb = ::outrigger::engine::v1;

inline constexpr auto kAdmin = pb::Rule::ADMIN;
inline constexpr auto kNetwork = pb::Rule::NETWORK;
inline constexpr auto kBaseline = pb::Rule::BASELINE;
inline constexpr auto kAllow = pb::Rule::ALLOW;
inline constexpr auto kDeny = pb::Rule::DENY;
inline constexpr auto kPass = pb::Rule::PASS;

inline IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

inline pb::Prefix prefix(std::string_view text) {
  const IpPrefix parsed = *IpPrefix::parse(text);
  pb::Prefix message;
  message.set_address(parsed.address.bytes());
  message.set_length(parsed.length);
  return message;
}

inline pb::Block block(std::string_view cidr, const std::vector<std::string_view>& excepts = {}) {
  pb::Block message;
  *message.mutable_cidr() = prefix(cidr);
  for (const auto except : excepts) *message.add_except() = prefix(except);
  return message;
}

inline void add_class(pb::Policy& policy, uint32_t id, bool ingress_isolated, uint32_t ingress_default = 0) {
  auto* entry = policy.add_set_classes();
  entry->set_id(id);
  entry->set_ingress_isolated(ingress_isolated);
  entry->set_ingress_default_rule(ingress_default);
}

inline void add_subject(pb::Policy& policy, uint32_t endpoint, uint32_t id) {
  auto* subject = policy.add_set_subjects();
  subject->set_endpoint(endpoint);
  subject->set_class_(id);
}

inline void add_selector(pb::Policy& policy, uint32_t id, const std::vector<uint32_t>& endpoints,
                         const std::vector<pb::Block>& blocks = {}) {
  auto* selector = policy.add_set_selectors();
  selector->set_id(id);
  for (const auto endpoint : endpoints) selector->add_endpoints(endpoint);
  for (const auto& one : blocks) *selector->add_blocks() = one;
}

// A rule of class 1; ingress unless said otherwise.
struct RuleRow {
  uint32_t id;
  pb::Rule::Tier tier;
  pb::Rule::Action action;
  uint32_t selector = 0;
  uint32_t protocol = 0;
  uint32_t first_port = 0;
  uint32_t last_port = 0;
  uint32_t rank = 0;
  pb::Rule::Direction direction = pb::Rule::INGRESS;
  uint32_t class_id = 1;

  [[nodiscard]] pb::Rule message() const {
    pb::Rule rule;
    rule.set_id(id);
    rule.set_class_(class_id);
    rule.set_direction(direction);
    rule.set_selector(selector);
    rule.set_protocol(protocol);
    rule.set_first_port(first_port);
    rule.set_last_port(last_port);
    rule.set_tier(tier);
    rule.set_action(action);
    rule.set_rank(rank);
    return rule;
  }
};

}  // namespace outrigger::policy::testing
