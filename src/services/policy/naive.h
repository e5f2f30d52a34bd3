// The oracle of the tests: policy as update.proto tells it, over plain lists, one rule after the other.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "outrigger/engine/v1/update.pb.h"
#include "services/policy/table.h"

namespace outrigger::policy::testing {

namespace pb = ::outrigger::engine::v1;

class Naive {
 public:
  // Removals of what is not there and other errors are not looked for: the table under test does that.
  void apply(const pb::Policy& change) {
    if (change.replace()) *this = {};
    for (const auto& rule : change.remove_rules()) {
      rules.erase(std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return same(r, rule); }));
    }
    for (const auto id : change.remove_subjects()) subjects.erase(id);
    for (const auto id : change.remove_classes()) classes.erase(id);
    for (const auto id : change.remove_selectors()) selectors.erase(id);
    for (const auto& entry : change.set_classes()) classes[entry.id()] = entry;
    for (const auto& subject : change.set_subjects()) subjects[subject.endpoint()] = subject.class_();
    for (const auto& selector : change.set_selectors()) selectors[selector.id()] = selector;
    for (const auto& rule : change.add_rules()) rules.push_back(rule);
  }

  [[nodiscard]] engine::Judgement judge(Direction direction, EndpointId subject, const Peer& peer,
                                        uint8_t protocol, uint16_t port) const {
    const auto found = subjects.find(subject.value());
    if (found == subjects.end()) return {true, true, kNoRule};
    const pb::Class& entry = classes.at(found->second);
    const pb::Rule* best[3] = {};
    for (const pb::Rule& rule : rules) {
      if (rule.class_() != entry.id() || rule.direction() != static_cast<int>(direction)) continue;
      if (!matches_peer(rule.selector(), peer)) continue;
      if (rule.protocol() != 0 && rule.protocol() != protocol) continue;
      const bool any_port = rule.first_port() == 0 && rule.last_port() == 0;
      if (!any_port && (port < rule.first_port() || port > rule.last_port())) continue;
      if (const pb::Rule*& b = best[rule.tier()]; b == nullptr || before(rule, *b)) b = &rule;
    }
    const bool ingress = direction == Direction::kIngress;
    if (best[0] != nullptr && best[0]->action() != pb::Rule::PASS) return by(*best[0]);
    if (ingress ? entry.ingress_isolated() : entry.egress_isolated()) {
      if (best[1] != nullptr) return by(*best[1]);
      return {true, false, RuleId{ingress ? entry.ingress_default_rule() : entry.egress_default_rule()}};
    }
    return best[2] != nullptr ? by(*best[2]) : engine::Judgement{true, true, kNoRule};
  }

  static bool same(const pb::Rule& a, const pb::Rule& b) {
    return a.SerializeAsString() == b.SerializeAsString();
  }

  // The whole state as one change.
  [[nodiscard]] pb::Policy whole() const {
    pb::Policy policy;
    policy.set_replace(true);
    for (const auto& [id, entry] : classes) *policy.add_set_classes() = entry;
    for (const auto& [id, selector] : selectors) *policy.add_set_selectors() = selector;
    for (const pb::Rule& rule : rules) *policy.add_add_rules() = rule;
    for (const auto& [endpoint, id] : subjects) {
      auto* subject = policy.add_set_subjects();
      subject->set_endpoint(endpoint);
      subject->set_class_(id);
    }
    return policy;
  }

  std::map<uint32_t, pb::Class> classes;
  std::map<uint32_t, uint32_t> subjects;
  std::map<uint32_t, pb::Selector> selectors;
  std::vector<pb::Rule> rules;

 private:
  static engine::Judgement by(const pb::Rule& rule) {
    return {true, rule.action() == pb::Rule::ALLOW, RuleId{rule.id()}};
  }
  static bool before(const pb::Rule& a, const pb::Rule& b) {
    const auto care = [](const pb::Rule& r) {
      return r.action() == pb::Rule::DENY ? 0 : r.action() == pb::Rule::PASS ? 1 : 2;
    };
    return std::tuple(a.rank(), care(a), a.id()) < std::tuple(b.rank(), care(b), b.id());
  }
  // Bit by bit, on purpose; ::/0 and its like are IPv6's and cover no IPv4 address.
  static bool covers(const pb::Prefix& prefix, const IpAddress& address) {
    const std::string bytes = address.bytes();
    if (address.is_v4() && prefix.length() < 96) return false;
    for (uint32_t bit = 0; bit < prefix.length(); ++bit) {
      if (((bytes[bit / 8] ^ prefix.address()[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    }
    return true;
  }
  [[nodiscard]] bool matches_peer(uint32_t id, const Peer& peer) const {
    if (id == 0) return true;
    const pb::Selector& selector = selectors.at(id);
    for (const auto endpoint : selector.endpoints()) {
      if (peer.endpoint != kNoEndpoint && endpoint == peer.endpoint.value()) return true;
    }
    return std::any_of(selector.blocks().begin(), selector.blocks().end(), [&](const pb::Block& block) {
      return covers(block.cidr(), peer.address) &&
             std::none_of(block.except().begin(), block.except().end(),
                          [&](const pb::Prefix& except) { return covers(except, peer.address); });
    });
  }
};

}  // namespace outrigger::policy::testing
