#include "compiler/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "compiler/test_objects.h"

namespace outrigger::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using testing::World;

namespace v1 = ::outrigger::engine::v1;

const Devices kDevices{"net_tap0,iface=up0", "net_tap%u,iface=ep%u"};

World two_nodes() {
  World world;
  world.node("host-a", "192.0.2.1");
  world.node("host-b", "192.0.2.2");
  world.node("host-c", "192.0.2.3", manifest::Node::Kind::kPlain);
  world.network("blue", 0x010203).subnets = {
      {*IpPrefix::parse("10.1.0.0/24"), *IpAddress::parse("10.1.0.1")}};
  world.endpoint("shop/web-1", "host-a", {{"app", "web"}}, {"10.1.0.11"},
                 {{"http", testing::Protocol::kTcp, 8080}});
  world.endpoint("shop/web-2", "host-b", {{"app", "web"}}, {"10.1.0.21"},
                 {{"http", testing::Protocol::kTcp, 80}});
  world.endpoint("shop/client", "host-b", {{"app", "client"}}, {"10.1.0.22", "fd00::22"});
  world.endpoint("ops/admin", "host-c", {{"app", "admin"}}, {"10.1.0.31"});
  return world;
}

Compiled compiled(const World& world, const std::string& node, Ids& ids) {
  absl::StatusOr<Compiled> out = compile(world.objects(), node, kDevices, ids);
  EXPECT_TRUE(out.ok()) << out.status();
  return *std::move(out);
}

uint32_t class_of(const Compiled& out, const std::string& endpoint) {
  for (const v1::Subject& subject : out.policy.set_subjects()) {
    if (out.endpoint_names.at(subject.endpoint()) == endpoint) return subject.class_();
  }
  return 0;
}

// "ingress shop/web-1 shop/web-2 | 10.0.0.0/8 : 6/80-80 allow", for the rules of an endpoint's class.
std::vector<std::string> rules_of(const Compiled& out, const std::string& endpoint) {
  std::map<uint32_t, std::string> selectors{{0, "everyone"}};
  for (const v1::Selector& selector : out.policy.set_selectors()) {
    std::string& text = selectors[selector.id()];
    for (const uint32_t id : selector.endpoints())
      text += (text.empty() ? "" : " ") + out.endpoint_names.at(id);
    for (const v1::Block& item : selector.blocks()) {
      const auto write = [](const v1::Prefix& prefix) {
        return IpPrefix{*IpAddress::from_bytes(prefix.address()), static_cast<uint8_t>(prefix.length())}
            .str();
      };
      absl::StrAppend(&text, text.empty() ? "" : " ", write(item.cidr()));
      for (const v1::Prefix& except : item.except()) absl::StrAppend(&text, "-", write(except));
    }
  }
  std::vector<std::string> found;
  for (const v1::Rule& rule : out.policy.add_rules()) {
    if (rule.class_() != class_of(out, endpoint)) continue;
    found.push_back(absl::StrCat(out.rule_names.at(rule.id()), ": ", selectors.at(rule.selector()), " ",
                                 rule.protocol(), "/", rule.first_port(), "-", rule.last_port()));
  }
  return found;
}

TEST(Structure, NamesPortsPeersAndEndpoints) {
  Ids ids;
  const v1::Structure made = compiled(two_nodes(), "host-b", ids).structure;
  EXPECT_EQ(made.node(), "host-b");
  EXPECT_EQ(made.underlay(0), IpAddress::parse("192.0.2.2")->bytes());
  ASSERT_THAT(made.ports(), SizeIs(3));
  EXPECT_EQ(made.ports(0).role(), v1::Port::UPLINK);
  EXPECT_EQ(made.ports(0).device(), "net_tap0,iface=up0");
  EXPECT_EQ(made.ports(0).mtu(), 1500u);
  EXPECT_EQ(made.ports(1).id(), 1u);
  EXPECT_EQ(made.ports(1).device(), "net_tap1,iface=ep1");
  EXPECT_EQ(made.ports(1).mtu(), 1450u);
  ASSERT_THAT(made.peers(), SizeIs(2));
  EXPECT_EQ(made.peers(0).name(), "host-a");
  EXPECT_TRUE(made.peers(0).enforces());
  EXPECT_EQ(made.peers(1).name(), "host-c");
  EXPECT_FALSE(made.peers(1).enforces());
  ASSERT_THAT(made.endpoints(), SizeIs(4));
  EXPECT_EQ(made.endpoints(0).name(), "ops/admin");
  EXPECT_EQ(made.endpoints(0).peer(), made.peers(1).id());
  EXPECT_EQ(made.endpoints(1).name(), "shop/client");
  EXPECT_EQ(made.endpoints(1).port(), 1u);
  EXPECT_EQ(made.endpoints(1).addresses(1), IpAddress::parse("fd00::22")->bytes());
  ASSERT_THAT(made.networks(), SizeIs(1));
  EXPECT_EQ(made.networks(0).gateway_mac(), "\x02\x6f\x75\x01\x02\x03");
  EXPECT_EQ(made.networks(0).subnets(0).prefix().length(), 120u);
}

TEST(Structure, ANodeWithoutUnderlayHasNoUplink) {
  World world;
  world.node("alone");
  world.network("blue", 1);
  world.endpoint("a/a", "alone", {}, {"10.0.0.1"}).device = "0000:03:00.0,representor=[0]";
  Ids ids;
  const v1::Structure made = compiled(world, "alone", ids).structure;
  ASSERT_THAT(made.ports(), SizeIs(1));
  EXPECT_EQ(made.ports(0).role(), v1::Port::ENDPOINT);
  EXPECT_EQ(made.ports(0).id(), 1u);
  EXPECT_EQ(made.ports(0).device(), "0000:03:00.0,representor=[0]");
}

TEST(Compile, RefusesANodeThatIsNotThereOrPlain) {
  Ids ids;
  EXPECT_EQ(compile(two_nodes().objects(), "host-x", kDevices, ids).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(compile(two_nodes().objects(), "host-c", kDevices, ids).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Compile, DoesNotDependOnTheOrderOfObjects) {
  World world = two_nodes();
  world.policy("shop/web", testing::is("app", "web"), {{.peers = {testing::pods(testing::has("app"))}}});
  world.admin("late", 9, {{.action = manifest::Action::kDeny, .peers = {testing::spaces({})}}});
  world.admin("early", 3, {{.action = manifest::Action::kPass, .peers = {testing::spaces({})}}});
  std::vector<const manifest::Object*> list = world.objects();
  Ids ids, other;
  const Compiled one = *compile(list, "host-a", kDevices, ids);
  std::reverse(list.begin(), list.end());
  const Compiled two = *compile(list, "host-a", kDevices, other);
  EXPECT_EQ(one.policy.SerializeAsString(), two.policy.SerializeAsString());
  EXPECT_EQ(one.structure.SerializeAsString(), two.structure.SerializeAsString());
}

TEST(Policies, OnlySubjectsOnDpuNodesWithAPolicyHaveAClass) {
  World world = two_nodes();
  world.policy("shop/all", {});
  world.policy("ops/all", {});
  Ids ids;
  const Compiled out = compiled(world, "host-a", ids);
  EXPECT_THAT(out.policy.set_subjects(), SizeIs(3));
  EXPECT_EQ(class_of(out, "ops/admin"), 0u);
  EXPECT_EQ(class_of(out, "shop/web-1"), class_of(out, "shop/web-2"));
  ASSERT_THAT(out.policy.set_classes(), SizeIs(1));
  const v1::Class& made = out.policy.set_classes(0);
  EXPECT_TRUE(made.ingress_isolated());
  EXPECT_FALSE(made.egress_isolated());
  EXPECT_EQ(out.rule_names.at(made.ingress_default_rule()), "NetworkPolicy shop/all ingress isolation");
  EXPECT_EQ(made.egress_default_rule(), 0u);
  EXPECT_EQ(out.class_names.at(made.id()), "NetworkPolicy shop/all");
}

TEST(Policies, IsolationNamesTheFirstPolicyAndCountsTheRest) {
  World world = two_nodes();
  world.policy("shop/b", {});
  world.policy("shop/a", {});
  world.policy("shop/c", testing::is("app", "web"));
  Ids ids;
  const Compiled out = compiled(world, "", ids);
  std::vector<std::string> names;
  for (const auto& [id, name] : out.rule_names) names.push_back(name);
  EXPECT_THAT(names, UnorderedElementsAre("NetworkPolicy shop/a ingress isolation (and 1 more)",
                                          "NetworkPolicy shop/a ingress isolation (and 2 more)"));
}

TEST(Policies, NamedIngressPortsPartTheClass) {
  World world = two_nodes();
  world.policy("shop/web", {}, {{.ports = {testing::named("http")}}});
  Ids ids;
  const Compiled out = compiled(world, "", ids);
  EXPECT_THAT(rules_of(out, "shop/web-1"),
              ElementsAre("NetworkPolicy shop/web ingress[0]: everyone 6/8080-8080"));
  EXPECT_THAT(rules_of(out, "shop/web-2"),
              ElementsAre("NetworkPolicy shop/web ingress[0]: everyone 6/80-80"));
  EXPECT_THAT(rules_of(out, "shop/client"), IsEmpty());
  EXPECT_NE(class_of(out, "shop/client"), 0u);
  EXPECT_EQ(out.class_names.at(class_of(out, "shop/web-2")), "NetworkPolicy shop/web [http=6/80]");
}

TEST(Policies, NamedEgressPortsPartThePeers) {
  World world = two_nodes();
  manifest::NetworkPolicy& policy = world.policy("shop/out", testing::is("app", "client"));
  policy.egress_isolated = true;
  policy.egress = {{.peers = {testing::pods(testing::has("app"))}, .ports = {testing::named("http")}},
                   {.ports = {testing::named("http")}},
                   {.peers = {testing::block("10.1.0.16/28")}, .ports = {testing::named("http")}},
                   {.ports = {testing::named("http", testing::Protocol::kUdp)}}};
  Ids ids;
  EXPECT_THAT(rules_of(compiled(world, "", ids), "shop/client"),
              UnorderedElementsAre("NetworkPolicy shop/out egress[0]: shop/web-1 6/8080-8080",
                                   "NetworkPolicy shop/out egress[0]: shop/web-2 6/80-80",
                                   "NetworkPolicy shop/out egress[1]: shop/web-1 6/8080-8080",
                                   "NetworkPolicy shop/out egress[1]: shop/web-2 6/80-80",
                                   "NetworkPolicy shop/out egress[2]: 10.1.0.21/32 6/80-80"));
}

TEST(Policies, RulesOfADirectionThatPolicyTypesLeaveOutDoNothing) {
  World world = two_nodes();
  world.policy("shop/web", testing::is("app", "web"), {{}}).ingress_isolated = false;
  Ids ids;
  EXPECT_THAT(compiled(world, "", ids).policy.add_rules(), IsEmpty());
}

TEST(Policies, AWideIpv6BlockDoesNotMeanIpv4) {
  World world = two_nodes();
  world.policy("shop/web", testing::is("app", "web"),
               {{.peers = {testing::block("::/0"), testing::block("0.0.0.0/0", {"10.0.0.0/8"})}}});
  Ids ids;
  EXPECT_THAT(
      rules_of(compiled(world, "", ids), "shop/web-1"),
      ElementsAre("NetworkPolicy shop/web ingress[0]: 0.0.0.0/0-10.0.0.0/8 ::/0-::/128-0.0.0.0/0 0/0-0"));
}

TEST(Policies, SameSelectorIsWrittenOnce) {
  World world = two_nodes();
  for (int i = 0; i < 20; ++i) {
    world.policy(absl::StrCat("shop/p", i), {}, {{.peers = {testing::pods(testing::is("app", "web"))}}});
  }
  Ids ids;
  EXPECT_THAT(compiled(world, "", ids).policy.set_selectors(), SizeIs(1));
}

TEST(Policies, RanksFollowPriorityThenNameThenIndex) {
  World world = two_nodes();
  const manifest::PolicyRule rule{.action = manifest::Action::kAllow, .peers = {testing::spaces({})}};
  world.admin("b", 7, {rule, rule});
  world.admin("a", 7, {rule, rule});
  world.admin("z", 0, {rule});
  world.admin("y", 1000, {rule});
  Ids ids;
  const Compiled out = compiled(world, "", ids);
  std::map<uint32_t, std::string> by_rank;
  for (const v1::Rule& made : out.policy.add_rules()) by_rank[made.rank()] = out.rule_names.at(made.id());
  std::vector<std::string> order;
  for (const auto& [rank, name] : by_rank) {
    EXPECT_LT(rank, 1u << 24);
    order.push_back(name);
  }
  EXPECT_THAT(order, ElementsAre("AdminNetworkPolicy z ingress[0]", "AdminNetworkPolicy a ingress[0]",
                                 "AdminNetworkPolicy a ingress[1]", "AdminNetworkPolicy b ingress[0]",
                                 "AdminNetworkPolicy b ingress[1]", "AdminNetworkPolicy y ingress[0]"));
}

TEST(Policies, ManyRulesOfOnePriorityKeepTheirOrder) {
  World world = two_nodes();
  const manifest::PolicyRule rule{.action = manifest::Action::kAllow, .peers = {testing::spaces({})}};
  for (int i = 0; i < 200; ++i) {
    world.admin(absl::StrCat("p", 1000 + i), 1000, std::vector<manifest::PolicyRule>(100, rule));
  }
  Ids ids;
  const Compiled out = compiled(world, "", ids);
  std::map<std::string, uint32_t> rank_by_name;
  for (const v1::Rule& made : out.policy.add_rules())
    rank_by_name[out.rule_names.at(made.id())] = made.rank();
  EXPECT_THAT(rank_by_name, SizeIs(20000));
  EXPECT_LT(rank_by_name.at("AdminNetworkPolicy p1163 ingress[99]"),
            rank_by_name.at("AdminNetworkPolicy p1164 ingress[0]"));
  for (const auto& [name, rank] : rank_by_name) ASSERT_LT(rank, 1u << 24);
}

TEST(Compile, IdsKeepTheirMeaning) {
  World world = two_nodes();
  world.policy("shop/web", testing::is("app", "web"),
               {{.peers = {testing::pods(testing::is("app", "client"))}}});
  Ids ids;
  const Compiled before = compiled(world, "host-a", ids);
  EXPECT_EQ(compiled(world, "host-a", ids).policy.SerializeAsString(), before.policy.SerializeAsString());
  world.endpoint("aaa/first", "host-a", {}, {"10.1.0.99"});
  const Compiled after = compiled(world, "host-a", ids);
  for (const auto& [id, name] : before.endpoint_names) EXPECT_EQ(after.endpoint_names.at(id), name);
  EXPECT_EQ(class_of(after, "shop/web-1"), class_of(before, "shop/web-1"));
}

TEST(Compile, PodsAreJudgedOnlyByPolicyCheck) {
  World world = two_nodes();
  world.add(
      manifest::Pod{.meta = {.name = "pod", .ns = "shop"}, .addresses = {*IpAddress::parse("10.2.0.1")}});
  world.policy("shop/all", {});
  Ids ids;
  EXPECT_NE(class_of(compiled(world, "", ids), "shop/pod"), 0u);
  EXPECT_EQ(class_of(compiled(world, "host-a", ids), "shop/pod"), 0u);
}

}  // namespace
}  // namespace outrigger::compiler
