// Updates: what they keep, what they change, and that a refused one changes nothing.
#include <map>
#include <random>

#include "services/services_fixture.h"

namespace outrigger::services::test {
namespace {

const Bytes kWebToCache = udp(kCache, kWeb, "10.1.0.11", "10.1.0.17");
const Bytes kCacheToWeb = udp(kWeb, kCache, "10.1.0.17", "10.1.0.11", 64, 2000, 1000);
const Bytes kFarToWeb = udp(kWeb, kFar, "10.1.0.21", "10.1.0.11");

class ChangeTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(node.apply(reachable_world()).ok()); }
  // Web takes only what selector 5 matches.
  void admit(const std::vector<EndpointId>& endpoints) {
    v1::Policy policy;
    policy.set_replace(true);
    add_class(policy, 1, true, false);
    add_subject(policy, kWebId, 1);
    add_selector(policy, 5, endpoints);
    *policy.add_add_rules() = allow(1, 1, v1::Rule::INGRESS, 5);
    ASSERT_TRUE(node.apply(policy).ok());
  }
  void select(const std::vector<EndpointId>& endpoints) {
    v1::Policy policy;
    add_selector(policy, 5, endpoints);
    ASSERT_TRUE(node.apply(policy).ok());
  }
  Node node;
};

TEST_F(ChangeTest, PolicyAloneKeepsTheTopology) {
  const engine::Actions* const before = node.tables().actions.get();
  const Verdict decided = node.decide(kWebPort, kNoTunnel, kWebToCache);
  const Epoch since = node.epoch();
  admit({kCacheId});
  EXPECT_EQ(node.tables().actions.get(), before);
  EXPECT_FALSE(node.changed(kUplink, node.tunnel_from("192.0.2.2"), kFarToWeb, {}, node.epoch()));
  EXPECT_TRUE(
      node.changed(kWebPort, kNoTunnel, kWebToCache, decided.decision, since));  // web is a subject now
  ASSERT_TRUE(node.apply(reachable_world()).ok());
  EXPECT_NE(node.tables().actions.get(), before);
}

TEST_F(ChangeTest, AStructureConcernsEverySession) {
  const Verdict decided = node.decide(kWebPort, kNoTunnel, kWebToCache);
  const Epoch since = node.epoch();
  ASSERT_TRUE(node.apply(v1::Update()).ok());
  EXPECT_FALSE(node.changed(kWebPort, kNoTunnel, kWebToCache, decided.decision, since));
  ASSERT_TRUE(node.apply(reachable_world()).ok());
  EXPECT_TRUE(node.changed(kWebPort, kNoTunnel, kWebToCache, decided.decision, since));
}

// A pod's labels change: the selector's endpoints do, and nothing else.
TEST_F(ChangeTest, APeerThatLeavesASelectorIsNoticedBothWays) {
  const TunnelId dpu = node.tunnel_from("192.0.2.2");
  admit({kCacheId, kFarId});
  const Verdict near = node.decide(kCachePort, kNoTunnel, kCacheToWeb);
  const Verdict far = node.decide(kUplink, dpu, kFarToWeb);
  ASSERT_EQ(near.step, Step::next());
  ASSERT_EQ(far.step, Step::next());
  const Epoch since = node.epoch();
  select({});
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, kCacheToWeb).step, Step::dropped(Drop::kPolicyIngress));
  EXPECT_TRUE(node.changed(kCachePort, kNoTunnel, kCacheToWeb, near.decision, since));
  EXPECT_TRUE(node.changed(kUplink, dpu, kFarToWeb, far.decision, since));
  // The reply of the same session: its ends are the other way round.
  Decision answer;
  answer.from = near.decision.to;
  answer.to = near.decision.from;
  const Bytes reply = udp(kCache, kWeb, "10.1.0.11", "10.1.0.17", 64, 1000, 2000);
  EXPECT_TRUE(node.changed(kWebPort, kNoTunnel, reply, answer, since, true));
}

TEST_F(ChangeTest, AnUnrelatedChangeIsNotNoticed) {
  admit({kCacheId});
  const Verdict decided = node.decide(kCachePort, kNoTunnel, kCacheToWeb);
  const Epoch since = node.epoch();
  v1::Policy policy;
  add_class(policy, 2, true, true);
  add_subject(policy, kDbId, 2);
  ASSERT_TRUE(node.apply(policy).ok());
  EXPECT_FALSE(node.changed(kCachePort, kNoTunnel, kCacheToWeb, decided.decision, since));
}

TEST_F(ChangeTest, ARefusedUpdateChangesNothing) {
  admit({kCacheId});
  v1::Update bad_structure, bad_policy, good_policy_bad_structure, good_structure_bad_policy;
  *bad_structure.mutable_structure() = reachable_world();
  bad_structure.mutable_structure()->mutable_endpoints(0)->set_vni(999);
  *bad_policy.mutable_policy()->add_add_rules() = allow(9, 77, v1::Rule::INGRESS, 0);
  good_policy_bad_structure = bad_structure;
  good_policy_bad_structure.mutable_policy()->set_replace(true);
  good_structure_bad_policy = bad_policy;
  *good_structure_bad_policy.mutable_structure() = reachable_world();
  good_structure_bad_policy.mutable_structure()->clear_endpoints();
  v1::Update both = bad_structure;
  *both.mutable_policy() = bad_policy.policy();
  const engine::Tables* const before = &node.tables();
  for (const v1::Update& update :
       {bad_structure, bad_policy, good_policy_bad_structure, good_structure_bad_policy, both}) {
    EXPECT_FALSE(node.apply(update).ok());
    EXPECT_EQ(&node.tables(), before);
    EXPECT_EQ(node.decide(kCachePort, kNoTunnel, kCacheToWeb).step, Step::next());
  }
  // Nor does it show in what comes later: neither copy of the policy, nor the structure kept for rebuilding.
  for (int copy = 0; copy < 2; ++copy) {
    v1::Update next;
    next.mutable_policy();
    ASSERT_TRUE(node.apply(next).ok());
    EXPECT_EQ(node.decide(kCachePort, kNoTunnel, kCacheToWeb).step, Step::next());
    EXPECT_EQ(node.decide(kUplink, node.tunnel_from("192.0.2.2"), kFarToWeb).step,
              Step::dropped(Drop::kPolicyIngress));
  }
  ASSERT_TRUE(node.learn(ip("192.0.2.77"), kFabricMac));
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, kCacheToWeb).step, Step::next());
}

TEST_F(ChangeTest, ALearntNeighbourMakesATunnel) {
  v1::Structure structure = reachable_world();
  structure.mutable_peers(0)->clear_mac();
  ASSERT_TRUE(node.apply(structure).ok());
  const Bytes out = udp(kFar, kWeb, "10.1.0.11", "10.1.0.21");
  ASSERT_EQ(node.neighbours(), std::vector<IpAddress>{ip("192.0.2.2")});
  EXPECT_EQ(node.decide(kWebPort, kNoTunnel, out).step, Step::dropped(Drop::kOverlayNeighbourUnresolved));
  EXPECT_TRUE(node.learn(ip("192.0.2.2"), kDpuHop));
  const Verdict resolved = node.decide(kWebPort, kNoTunnel, out);
  EXPECT_EQ(resolved.step, Step::next());
  const engine::Tunnel& tunnel = node.tables().actions->tunnels[resolved.decision.to.tunnel.value()];
  EXPECT_EQ(MacAddress::load(tunnel.header.data()), kDpuHop);
  EXPECT_FALSE(node.learn(ip("192.0.2.2"), kDpuHop));  // nothing new
  EXPECT_TRUE(node.learn(ip("192.0.2.2"), kFabricMac));
  ASSERT_TRUE(node.apply(structure).ok());  // what was learnt outlives an update
  EXPECT_EQ(node.decide(kWebPort, kNoTunnel, out).step, Step::next());
}

// Random updates, one at a time, to one node; the whole result at once to another.  They must agree, and so
// must the node's own two copies, which trade places with every update.
TEST_F(ChangeTest, BothCopiesAgreeWithTheWholeAfterManyUpdates) {
  const std::vector<EndpointId> endpoints = {kWebId, kDbId, kCacheId, kRouterId, kFarId, kPlainId};
  std::mt19937 random(1);
  const auto pick = [&](size_t n) { return static_cast<uint32_t>(random() % n); };
  std::map<uint32_t, v1::Class> classes;
  std::map<uint32_t, v1::Subject> subjects;
  std::map<uint32_t, v1::Selector> selectors;
  std::map<uint32_t, v1::Rule> rules;

  const auto outcomes = [&](const Node& of) {
    std::vector<Step> out;
    const TunnelId dpu = of.tunnel_from("192.0.2.2");
    for (const uint16_t port : {80, 81}) {
      out.push_back(
          of.decide(kWebPort, kNoTunnel, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17", 64, 9, port)).step);
      out.push_back(
          of.decide(kCachePort, kNoTunnel, udp(kWeb, kCache, "10.1.0.17", "10.1.0.11", 64, 9, port)).step);
      out.push_back(
          of.decide(kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12", 64, 9, port)).step);
      out.push_back(
          of.decide(kRouterPort, kNoTunnel, udp(kWeb, kRouter, "172.16.0.1", "10.1.0.11", 64, 9, port)).step);
      out.push_back(of.decide(kUplink, dpu, udp(kWeb, kFar, "10.1.0.21", "10.1.0.11", 64, 9, port)).step);
      out.push_back(
          of.decide(kWebPort, kNoTunnel, udp(kFar, kWeb, "10.1.0.11", "10.1.0.21", 64, 9, port)).step);
    }
    return out;
  };

  for (uint32_t round = 0; round < 300; ++round) {
    v1::Policy change;
    const uint32_t class_id = 1 + pick(3), selector_id = 1 + pick(3), rule_id = 1 + pick(8);
    if (pick(3) == 0 || !classes.contains(class_id)) {
      classes[class_id] = *add_class(change, class_id, pick(2) == 0, pick(2) == 0);
    }
    if (pick(2) == 0) {
      add_subject(change, endpoints[pick(endpoints.size())], class_id);
      subjects[change.set_subjects(0).endpoint()] = change.set_subjects(0);
    }
    if (pick(2) == 0 || !selectors.contains(selector_id)) {
      add_selector(change, selector_id, {endpoints[pick(6)]});
      if (pick(2) == 0)
        set_prefix(change.mutable_set_selectors(0)->add_blocks()->mutable_cidr(), "10.1.0.0/24");
      selectors[selector_id] = change.set_selectors(0);
    }
    if (rules.contains(rule_id)) {
      *change.add_remove_rules() = rules[rule_id];
      rules.erase(rule_id);
    } else {
      v1::Rule rule = allow(rule_id, class_id, pick(2) == 0 ? v1::Rule::INGRESS : v1::Rule::EGRESS,
                            pick(2) == 0 ? 0 : selector_id, packet::kUdp, pick(2) == 0 ? 80 : 0);
      if (pick(3) == 0) {
        rule.set_tier(v1::Rule::ADMIN);
        rule.set_action(pick(2) == 0 ? v1::Rule::DENY : v1::Rule::PASS);
        rule.set_rank(rule_id);
      }
      rules[rule_id] = *change.add_add_rules() = rule;
    }
    ASSERT_TRUE(node.apply(change).ok()) << round;

    v1::Update whole;
    *whole.mutable_structure() = reachable_world();
    for (const auto& [id, entry] : classes) *whole.mutable_policy()->add_set_classes() = entry;
    for (const auto& [id, entry] : subjects) *whole.mutable_policy()->add_set_subjects() = entry;
    for (const auto& [id, entry] : selectors) *whole.mutable_policy()->add_set_selectors() = entry;
    for (const auto& [id, entry] : rules) *whole.mutable_policy()->add_add_rules() = entry;
    Node fresh;
    ASSERT_TRUE(fresh.apply(whole).ok()) << round;
    const std::vector<Step> expected = outcomes(fresh);
    ASSERT_EQ(outcomes(node), expected) << round;
    v1::Update nothing;
    nothing.mutable_policy();
    if (pick(3) != 0) continue;  // sometimes look at the other copy, so that changes meet both
    ASSERT_TRUE(node.apply(nothing).ok());
    ASSERT_EQ(outcomes(node), expected) << "the other copy, round " << round;
  }
}

}  // namespace
}  // namespace outrigger::services::test
