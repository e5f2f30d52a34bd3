#include "host/ruleset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/network_plan.h"
#include "host/policy_chains.h"

namespace outrigger::host {
namespace {

namespace engine = ::outrigger::engine::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string bytes(const char* address) { return IpAddress::parse(address)->bytes(); }

// Two endpoints here and one on host-b, in one network.
class RulesetTest : public ::testing::Test {
 protected:
  RulesetTest() {
    engine::Structure& structure = *update_.mutable_structure();
    update_.mutable_policy()->set_replace(true);
    engine::Peer& peer = *structure.add_peers();
    peer.set_id(0);
    peer.set_name("host-b");
    peer.set_enforces(true);
    peer.add_underlay(bytes("192.0.2.2"));
    engine::Network& network = *structure.add_networks();
    network.set_vni(100);
    network.set_name("blue");
    network.set_mtu(1450);
    network.set_gateway_mac(std::string("\x02ou\0\0\x64", 6));
    engine::Subnet& subnet = *network.add_subnets();
    subnet.mutable_prefix()->set_address(bytes("10.1.0.0"));
    subnet.mutable_prefix()->set_length(120);
    subnet.set_gateway(bytes("10.1.0.1"));
    add(1, "shop/web-1", "10.1.0.11").set_port(1);
    add(2, "shop/client-1", "10.1.0.12").set_port(2);
    add(3, "shop/web-2", "10.1.0.21").set_peer(0);
  }
  engine::Endpoint& add(uint32_t id, const char* name, const char* address) {
    engine::Endpoint& made = *update_.mutable_structure()->add_endpoints();
    made.set_id(id);
    made.set_name(name);
    made.set_vni(100);
    made.set_mac(std::string("\x02\0\0\0\x01", 5) + static_cast<char>(id));
    made.add_addresses(bytes(address));
    return made;
  }
  engine::Rule& rule(uint32_t id, engine::Rule::Tier tier, engine::Rule::Action action, uint32_t selector) {
    engine::Rule& made = *update_.mutable_policy()->add_add_rules();
    made.set_id(id);
    made.set_class_(5);
    made.set_tier(tier);
    made.set_action(action);
    made.set_selector(selector);
    return made;
  }
  void select(uint32_t endpoint, bool isolated) {
    engine::Policy& policy = *update_.mutable_policy();
    if (policy.set_classes_size() == 0) {
      policy.add_set_classes()->set_id(5);
      policy.mutable_set_classes(0)->set_ingress_isolated(isolated);
    }
    engine::Subject& subject = *policy.add_set_subjects();
    subject.set_endpoint(endpoint);
    subject.set_class_(5);
  }
  World world() {
    v1::HostBundle bundle;
    bundle.set_node("host-a");
    bundle.set_generation(7);
    bundle.set_fallback_underlay(bytes("192.0.2.101"));
    bundle.set_update(update_.SerializeAsString());
    const absl::StatusOr<World> read = read_world(bundle);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *read : World{};
  }
  std::string policy() {
    const World made = world();
    return policy_text(made, made.networks.at(0));
  }
  std::string rules() {
    const World made = world();
    return network_rules(made, made.networks.at(0), 8);
  }

  engine::Update update_;
};

TEST_F(RulesetTest, TiersAreJudgedInTheirOrderAndDenyGoesFirstAmongEquals) {
  select(1, true);
  rule(1, engine::Rule::ADMIN, engine::Rule::ALLOW, 0).set_rank(4);
  rule(2, engine::Rule::ADMIN, engine::Rule::PASS, 0).set_rank(3);
  rule(3, engine::Rule::ADMIN, engine::Rule::DENY, 0).set_rank(4);
  rule(4, engine::Rule::NETWORK, engine::Rule::ALLOW, 0).set_protocol(6);
  rule(5, engine::Rule::BASELINE, engine::Rule::DENY, 0);
  EXPECT_THAT(policy(), HasSubstr("  chain c5_in_net {\n"
                                  "    meta l4proto 6 return comment \"rule 4\"\n"
                                  "    goto denied\n  }\n"
                                  "  chain c5_in {\n"
                                  "    goto c5_in_net comment \"rule 2\"\n"
                                  "    goto denied comment \"rule 3\"\n"
                                  "    return comment \"rule 1\"\n"
                                  "    goto c5_in_net\n  }\n"));
}

TEST_F(RulesetTest, TheBaselineHoldsWhereNothingIsolates) {
  select(1, false);
  rule(5, engine::Rule::BASELINE, engine::Rule::DENY, 0);
  EXPECT_THAT(policy(), HasSubstr("  chain c5_in_net {\n    goto denied comment \"rule 5\"\n  }\n"));
}

TEST_F(RulesetTest, OnTheWayBackTheEndsChangeRoles) {
  select(1, true);
  engine::Selector& selector = *update_.mutable_policy()->add_set_selectors();
  selector.set_id(9);
  selector.add_endpoints(2);
  engine::Rule& one = rule(4, engine::Rule::NETWORK, engine::Rule::ALLOW, 9);
  one.set_protocol(6);
  one.set_first_port(80);
  one.set_last_port(90);
  const std::string text = policy();
  EXPECT_THAT(text, HasSubstr("chain c5_in_net {\n    ip saddr @s9_4 meta l4proto 6 th dport 80-90 return"));
  EXPECT_THAT(text,
              HasSubstr("chain c5_in_back_net {\n    ip daddr @s9_4 meta l4proto 6 th sport 80-90 return"));
  EXPECT_THAT(text,
              HasSubstr("set s9_4 {\n    type ipv4_addr\n    flags interval\n    elements = { 10.1.0.12 }"));
}

TEST_F(RulesetTest, NoRuleAsksForAFamilyThatItsPeersDoNotHave) {
  select(1, true);
  engine::Selector& v4 = *update_.mutable_policy()->add_set_selectors();
  v4.set_id(8);
  v4.add_endpoints(2);
  engine::Selector& v6 = *update_.mutable_policy()->add_set_selectors();
  v6.set_id(9);
  v6.add_blocks()->mutable_cidr()->set_address(std::string(16, '\0'));  // ::/0
  for (const uint32_t selector : {8u, 9u, 10u})
    rule(selector, engine::Rule::NETWORK, engine::Rule::DENY, selector);
  const std::string text = policy();
  EXPECT_THAT(text, HasSubstr("ip saddr @s8_4"));
  EXPECT_THAT(text, Not(HasSubstr("@s8_6")));
  EXPECT_THAT(text, HasSubstr("ip6 saddr @s9_6"));
  EXPECT_THAT(text, Not(HasSubstr("@s9_4")));
  EXPECT_THAT(text, HasSubstr("ip saddr @s10_4")) << "of a selector that is not there nothing is known";
}

TEST_F(RulesetTest, ABlockLosesItsExceptionsAndKeepsToItsFamily) {
  select(1, true);
  engine::Block& block = *update_.mutable_policy()->add_set_selectors()->add_blocks();
  update_.mutable_policy()->mutable_set_selectors(0)->set_id(9);
  block.mutable_cidr()->set_address(bytes("10.1.0.0"));
  block.mutable_cidr()->set_length(120);
  block.add_except()->set_address(bytes("10.1.0.128"));
  block.mutable_except(0)->set_length(121);
  rule(4, engine::Rule::NETWORK, engine::Rule::ALLOW, 9);
  EXPECT_THAT(policy(), HasSubstr("elements = { 10.1.0.0-10.1.0.127 }"));
  EXPECT_THAT(policy(), HasSubstr("set s9_6 {\n    type ipv6_addr\n    flags interval\n  }"));
}

TEST_F(RulesetTest, PrefixesBelongToTheLongest) {
  engine::Prefix& behind = *update_.mutable_structure()->mutable_endpoints(0)->add_prefixes();
  behind.set_address(bytes("10.1.0.8"));
  behind.set_length(125);  // 8 to 15, with shop/client-1's own address inside
  select(1, true);
  EXPECT_THAT(rules(),
              HasSubstr("10.1.0.8-10.1.0.11 : jump c5_in,\n      10.1.0.13-10.1.0.15 : jump c5_in }"));
}

TEST_F(RulesetTest, APortTakesItsOwnAddressesAlone) {
  const std::string text = rules();
  EXPECT_THAT(
      text,
      HasSubstr(
          "ether saddr != 02:00:00:00:01:01 counter drop\n"
          "    ether type arp arp saddr ether 02:00:00:00:01:01 arp saddr ip { 0.0.0.0, 10.1.0.11 } accept"));
  EXPECT_THAT(text, Not(HasSubstr("device \"ep3\"")));  // remote
  EXPECT_THAT(
      text, HasSubstr("ct state { established, related } ct mark & 0x7fffffff == 0x00000008 counter accept"));
}

// What is not accepted as its own neighbour discovery must not pass as its own IPv6; a priority tag (VLAN 0)
// is a tag, which the kernel takes off before it switches.
TEST_F(RulesetTest, WhatAnEndpointMayNotClaimIsDroppedBeforeItsAddressesCount) {
  update_.mutable_structure()->mutable_endpoints(0)->add_addresses(bytes("fd00:1::11"));
  const std::string text = rules();
  const size_t chain = text.find("chain from_ep1 {"),
               tag = text.find("ether type { 8021q, 8021ad } counter drop", chain),
               dropped = text.find(
                   "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, "
                   "nd-redirect } counter drop",
                   chain),
               dhcp = text.find(
                   "udp sport 67 udp dport 68 counter drop\n    udp sport 547 udp dport 546 counter drop",
                   chain),
               accepted = text.find("    ip6 saddr { fd00:1::11 } accept", chain),
               end = text.find("chain to_ep1", chain);
  EXPECT_THAT(text, HasSubstr("nd-neighbor-advert ip6 hoplimit 255 ip6 length 32 @th,208,48 0x020000000101 "
                              "@th,192,16 0x0201 ip6 saddr"));
  EXPECT_LT(tag, dropped);
  EXPECT_LT(dropped, accepted);
  EXPECT_LT(dhcp, accepted);
  EXPECT_LT(accepted, end);
}

// Of a connection seen from its middle the end with the dynamic port is the opener.
TEST_F(RulesetTest, ASegmentFromTheMiddleIsJudgedAsItsOpeners) {
  const std::string text = rules();
  EXPECT_THAT(text, HasSubstr("tcp flags & (syn | ack) != syn goto middle"));
  EXPECT_THAT(text, HasSubstr("  chain middle {\n"
                              "    tcp sport >= 32768 tcp dport < 32768 goto opens\n"
                              "    tcp sport < 32768 tcp dport >= 32768 ct mark set 0x80000000 goto answers\n"
                              "    jump judge\n    meta mark 1 goto refuse\n"
                              "    jump judge_back\n    meta mark 1 goto refuse\n    goto pass\n"));
}

TEST_F(RulesetTest, ATunnelSpeaksForItsOwnEndpointsAlone) {
  const std::string text = tunnel_rules(world());
  EXPECT_THAT(text, HasSubstr("ip saddr 192.0.2.2 goto peer0 comment \"host-b\""));
  EXPECT_THAT(text, HasSubstr("@th,96,24 100 @th,224,16 0x0800 @th,336,32 { 0x0a010015 } accept"));
  EXPECT_THAT(text, HasSubstr("ip daddr 192.0.2.101 udp dport 4789 goto tunnel"));
}

TEST_F(RulesetTest, WhatTheKernelCannotCarryIsListedAndLeftOut) {
  update_.mutable_structure()->mutable_networks(0)->set_broadcast(engine::Network::REPLICATE);
  update_.mutable_structure()->mutable_endpoints(0)->set_session_quota(5);
  update_.mutable_structure()->mutable_peers(0)->clear_underlay();
  EXPECT_THAT(world().unfit,
              ElementsAre("Node host-b: has no tunnel address of the family of 192.0.2.101",
                          "Endpoint shop/web-1: spec.sessionQuota is not enforced",
                          "Network blue: broadcast replicate; broadcast and multicast are dropped"));
  update_.mutable_structure()->mutable_networks(0)->set_encapsulation(engine::ENCAPSULATION_GENEVE);
  EXPECT_TRUE(world().networks.empty());
  EXPECT_THAT(world().unfit.back(), "Network blue: encapsulation geneve; its endpoints stay closed");
}

TEST_F(RulesetTest, AnUnsoundBundleIsRefusedWhole) {
  v1::HostBundle bundle;
  const auto refusal = [&] { return std::string(read_world(bundle).status().message()); };
  EXPECT_EQ(refusal(), "bundle: its update is not whole");
  bundle.set_update("\x0a\x7f");
  EXPECT_EQ(refusal(), "bundle: its update cannot be read");
  bundle.set_update(update_.SerializeAsString());
  EXPECT_EQ(refusal(), "bundle: has no tunnel address for the host");
  bundle.set_fallback_underlay(bytes("192.0.2.101"));
  update_.mutable_structure()->mutable_endpoints(0)->set_vni(7);
  bundle.set_update(update_.SerializeAsString());
  EXPECT_EQ(refusal(), "bundle: endpoint shop/web-1: no network 7");
}

TEST_F(RulesetTest, LinksAreMadeOnceAndGoneEndpointsLeave) {
  const World made = world();
  const std::map<uint32_t, std::string> guests = {{1, "/run/netns/a"}, {2, "/run/netns/b"}};
  const NetworkPlan first = plan_network(made, made.networks[0], "fb-", {}, guests);
  EXPECT_EQ(first.netns, "fb-100");
  EXPECT_EQ(first.make,
            "link add vx100 netns fb-100 type vxlan id 100 local 192.0.2.101 dstport 4789 ttl 64 nolearning "
            "udp6zerocsumrx\n");
  EXPECT_THAT(first.links, HasSubstr("link add ep1 type veth peer name fb0 netns /run/netns/a\n"));
  EXPECT_THAT(first.forwarding,
              HasSubstr("fdb replace 02:00:00:00:01:03 dev vx100 dst 192.0.2.2 self permanent\n"));
  const NetworkPlan again =
      plan_network(made, made.networks[0], "fb-", {"br100", "vx100", "ep1", "ep2", "ep77"}, guests);
  EXPECT_EQ(again.make, "");
  EXPECT_THAT(again.links, Not(HasSubstr("link add")));
  EXPECT_THAT(again.links, HasSubstr("link del ep77\n"));
  EXPECT_THAT(again.links, Not(HasSubstr("vx100 up")));  // closed until it is opened
}

}  // namespace
}  // namespace outrigger::host
