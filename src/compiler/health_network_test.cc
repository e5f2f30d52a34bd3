#include "compiler/health_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/test_objects.h"

namespace outrigger::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using testing::World;

namespace v1 = ::outrigger::engine::v1;

World three_nodes() {
  World world;
  world.node("host-a", "192.0.2.1");
  world.node("host-b", "192.0.2.2");
  world.node("host-c", "192.0.2.3", manifest::Node::Kind::kPlain);
  world.node("host-d", "2001:db8::4");  // cannot be reached from the others
  world.network("blue", 100);
  world.endpoint("shop/web", "host-a", {{"app", "web"}}, {"10.1.0.11"});
  world.policy("shop/web", {});
  return world;
}

Compiled with_health(const World& world, const std::string& node, Ids& ids) {
  auto out = compile(world.objects(), node, {"up", "ep%u", true}, ids);
  EXPECT_TRUE(out.ok()) << out.status();
  return *std::move(out);
}

TEST(HealthNetwork, TwoProbePortsAndThePeersThatAnswer) {
  Ids ids;
  const Compiled out = with_health(three_nodes(), "host-a", ids);
  std::vector<std::string> seen;
  for (const v1::Endpoint& one : out.structure.endpoints()) {
    if (one.vni() == manifest::kHealthVni) seen.push_back(one.name());
  }
  EXPECT_THAT(seen, ElementsAre("outrigger health/probe-a@host-a", "outrigger health/probe-b@host-a",
                                "outrigger health/probe-a@host-b"));
  std::vector<uint32_t> probes;
  for (const v1::Port& port : out.structure.ports()) {
    if (port.device() == "probe") probes.push_back(port.id());
  }
  EXPECT_THAT(probes, ElementsAre(kProbePortA, kProbePortB));
  EXPECT_THAT(out.policy.set_subjects(), SizeIs(2));
}

// Nothing of it is seen where it was not asked for, and asking for it changes nothing of the tenants' own.
TEST(HealthNetwork, DisturbsNobody) {
  Ids plain_ids, ids;
  const World world = three_nodes();
  const auto plain = compile(world.objects(), "host-a", {"up", "ep%u"}, plain_ids);
  ASSERT_TRUE(plain.ok());
  EXPECT_THAT(plain->structure.networks(), SizeIs(1));
  const Compiled out = with_health(world, "host-a", ids);
  for (int i = 0; i < plain->structure.endpoints_size(); ++i) {
    EXPECT_EQ(plain->structure.endpoints(i).SerializeAsString(),
              out.structure.endpoints(i).SerializeAsString());
  }
  EXPECT_EQ(plain->policy.set_classes(0).SerializeAsString(), out.policy.set_classes(0).SerializeAsString());
  for (const auto& [id, name] : plain->rule_names) EXPECT_EQ(out.rule_names.at(id), name);
  Ids alone;
  const auto policy = compile(world.objects(), "", {"", "", true}, alone);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(policy->policy.set_subjects_size(), 1);
}

TEST(HealthNetwork, IdsStayWhenOthersComeAndGo) {
  Ids ids;
  World world = three_nodes();
  const Compiled before = with_health(world, "host-a", ids);
  world.endpoint("shop/another", "host-a", {}, {"10.1.0.12"});
  const Compiled after = with_health(world, "host-a", ids);
  const auto id_of = [](const Compiled& out, const std::string& name) {
    for (const auto& [id, is] : out.endpoint_names) {
      if (is == name) return id;
    }
    return UINT32_MAX;
  };
  for (const char* name : {"outrigger health/probe-a@host-a", "outrigger health/probe-a@host-b"}) {
    EXPECT_EQ(id_of(before, name), id_of(after, name));
    EXPECT_NE(id_of(before, name), UINT32_MAX);
  }
}

TEST(HealthNetwork, BothNodesAgreeOnAnAddress) {
  Ids one, two;
  const Compiled a = with_health(three_nodes(), "host-a", one);
  const Compiled b = with_health(three_nodes(), "host-b", two);
  const auto find = [](const Compiled& out, const std::string& name) {
    for (const v1::Endpoint& each : out.structure.endpoints()) {
      if (each.name() == name) return absl::StrCat(each.mac(), "|", each.addresses(0));
    }
    return std::string();
  };
  EXPECT_EQ(find(a, "outrigger health/probe-a@host-b"), find(b, "outrigger health/probe-a@host-b"));
  const HealthPlan plan = plan_health(three_nodes().objects(), "host-a");
  ASSERT_THAT(plan.peers, SizeIs(1));
  EXPECT_EQ(plan.peers[0].end.address.bytes(), probe_end("host-b", false).address.bytes());
  EXPECT_EQ(plan.peers[0].end.address.str(), "fd6f:7574:7269:fffe:a276:eb0e:d85d:3638");  // never changes
}

TEST(HealthNetwork, ManyNamesGiveManyAddresses) {
  std::set<MacAddress> macs;
  std::set<std::string> addresses;
  for (int i = 0; i < 2000; ++i) {
    for (const bool b : {false, true}) {
      const ProbeEnd end = probe_end(absl::StrCat("host-", i), b);
      EXPECT_FALSE(end.mac.is_multicast());
      macs.insert(end.mac);
      addresses.insert(end.address.str());
    }
  }
  EXPECT_EQ(macs.size(), 4000u);
  EXPECT_EQ(addresses.size(), 4000u);
}

}  // namespace
}  // namespace outrigger::compiler
