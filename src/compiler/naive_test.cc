#include "compiler/naive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/test_objects.h"

namespace outrigger::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::World;

World shop() {
  World world;
  world.node("dpu");
  world.node("old", "", manifest::Node::Kind::kPlain);
  world.network("blue", 1);
  world.endpoint("shop/web", "dpu", {{"app", "web"}}, {"10.0.0.1", "fd00::1"});
  world.endpoint("shop/client", "dpu", {{"app", "client"}}, {"10.0.0.2"});
  world.endpoint("shop/old", "old", {{"app", "web"}}, {"10.0.0.3"});
  return world;
}

naive::Answer ask(const World& world, const std::string& from, const std::string& to, uint16_t port = 80) {
  return *naive::judge(world.objects(), {from, {}}, {to, {}}, 6, port);
}

TEST(Naive, AllowsWithoutPolicyAndFindsNobody) {
  const World world = shop();
  EXPECT_TRUE(ask(world, "shop/client", "shop/web").allowed());
  EXPECT_THAT(ask(world, "shop/client", "shop/web").ingress.rules, IsEmpty());
  EXPECT_FALSE(naive::judge(world.objects(), {"shop/x", {}}, {"shop/web", {}}, 6, 80).ok());
}

TEST(Naive, NamesEveryRuleThatAllows) {
  World world = shop();
  world.policy("shop/b", {}, {{}, {.ports = {testing::tcp(81)}}, {.peers = {testing::block("10.0.0.0/30")}}});
  world.policy("shop/a", {}, {});
  EXPECT_THAT(ask(world, "shop/client", "shop/web").ingress.rules,
              ElementsAre("NetworkPolicy shop/b ingress[0]", "NetworkPolicy shop/b ingress[2]"));
}

TEST(Naive, IsolationIsChargedToTheFirstByName) {
  World world = shop();
  world.policy("shop/b", {});
  world.policy("shop/a", {});
  const naive::Answer answer = ask(world, "shop/client", "shop/web");
  EXPECT_FALSE(answer.allowed());
  EXPECT_THAT(answer.ingress.rules, ElementsAre("NetworkPolicy shop/a ingress isolation (and 1 more)"));
  EXPECT_TRUE(ask(world, "shop/client", "shop/old").allowed());
}

TEST(Naive, AdminDecidesFirstByPriority) {
  World world = shop();
  world.policy("shop/a", {});
  world.admin("late", 5, {{.action = manifest::Action::kDeny, .peers = {testing::spaces({})}}});
  world.admin("early", 4,
              {{.name = "in", .action = manifest::Action::kAllow, .peers = {testing::spaces({})}}});
  const naive::Answer answer = ask(world, "shop/client", "shop/web");
  EXPECT_TRUE(answer.allowed());
  EXPECT_THAT(answer.ingress.rules, ElementsAre("AdminNetworkPolicy early ingress[0] \"in\""));
}

}  // namespace
}  // namespace outrigger::compiler
