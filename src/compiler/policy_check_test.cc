#include "compiler/policy_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "compiler/test_objects.h"

namespace outrigger::compiler {
namespace {

using ::testing::HasSubstr;
using testing::World;

World shop() {
  World world;
  world.node("dpu");
  world.node("old", "", manifest::Node::Kind::kPlain);
  world.network("blue", 1);
  world.network("red", 2);
  world.endpoint("shop/web", "dpu", {{"app", "web"}}, {"10.0.0.1", "fd00::1"},
                 {{"http", testing::Protocol::kTcp, 80}});
  world.endpoint("shop/client", "dpu", {{"app", "client"}}, {"10.0.0.2", "fd00::2"});
  world.endpoint("shop/six", "dpu", {{"app", "six"}}, {"fd00::6"});
  world.endpoint("shop/old", "old", {{"app", "web"}}, {"10.0.0.3"});
  world.endpoint("shop/twin", "dpu", {{"app", "client"}}, {"10.0.0.2", "10.5.0.1"}).network = "red";
  world.policy("shop/web", testing::is("app", "web"),
               {{.peers = {testing::pods(testing::is("app", "client"))}, .ports = {testing::named("http")}},
                {.peers = {testing::block("192.0.2.0/24"), testing::block("fd00::6/128")}}});
  return world;
}

class Check : public ::testing::Test {
 protected:
  Verdict ask(const std::string& flow) {
    const auto verdict = check_.check(*parse_flow(flow));
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict{});
  }
  std::string refusal(const std::string& flow) {
    return std::string(check_.check(*parse_flow(flow)).status().message());
  }
  World world_ = shop();
  PolicyCheck check_ = *PolicyCheck::build(world_.objects());
};

TEST_F(Check, NamesTheRuleThatDecides) {
  EXPECT_TRUE(ask("shop/client,shop/web,tcp,80").allowed);
  EXPECT_EQ(ask("shop/client,shop/web,tcp,80").rule, "NetworkPolicy shop/web ingress[0]");
  EXPECT_FALSE(ask("shop/client,shop/web,tcp,81").allowed);
  EXPECT_EQ(ask("shop/client,shop/web,tcp,81").rule, "NetworkPolicy shop/web ingress isolation");
  EXPECT_TRUE(ask("shop/web,shop/client,tcp,81").allowed);
  EXPECT_EQ(ask("shop/web,shop/client,tcp,81").rule, "");
}

TEST_F(Check, TakesAddresses) {
  EXPECT_TRUE(ask("192.0.2.9,shop/web,udp,5").allowed);
  EXPECT_FALSE(ask("192.0.3.9,shop/web,udp,5").allowed);
  EXPECT_TRUE(ask("fd00::2,10.0.0.1,tcp,80").allowed);  // its own address: the client, by its labels
  EXPECT_FALSE(ask("192.0.3.9,shop/web,udp,5").egress.judged);
  EXPECT_TRUE(ask("192.0.3.9,shop/web,udp,5").ingress.judged);
}

TEST_F(Check, ChoosesTheFamilyBothHave) {
  EXPECT_TRUE(ask("shop/six,shop/web,icmp,0").allowed);  // by fd00::6, although web has IPv4 too
}

TEST_F(Check, DoesNotJudgeForPlainNodesNorCutOffAnyoneFromItself) {
  EXPECT_TRUE(ask("shop/six,shop/old,tcp,9").allowed);
  EXPECT_FALSE(ask("shop/six,shop/old,tcp,9").ingress.judged);
  EXPECT_TRUE(ask("shop/web,shop/web,tcp,9").allowed);
}

TEST_F(Check, AsksWhichTwinIsMeant) {
  EXPECT_THAT(refusal("10.0.0.2,192.0.2.1,tcp,80"),
              HasSubstr("Endpoint shop/client in network blue and Endpoint "
                        "shop/twin in network red"));
  EXPECT_EQ(ask("10.0.0.2,shop/web,tcp,80").rule, "NetworkPolicy shop/web ingress[0]");
  EXPECT_TRUE(ask("10.0.0.2,10.0.0.1,tcp,80").allowed);
  EXPECT_THAT(refusal("shop/none,shop/web,tcp,80"), HasSubstr("\"shop/none\": no such endpoint or pod"));
}

TEST_F(Check, JsonHasTheFieldsOfTheIssue) {
  const auto json = nlohmann::json::parse(to_json(ask("shop/client,shop/web,udp,81")));
  EXPECT_EQ(json.at("source"), "shop/client");
  EXPECT_EQ(json.at("destination"), "shop/web");
  EXPECT_EQ(json.at("protocol"), "udp");
  EXPECT_EQ(json.at("port"), 81);
  EXPECT_EQ(json.at("verdict"), "deny");
  EXPECT_EQ(json.at("rule"), "NetworkPolicy shop/web ingress isolation");
  EXPECT_EQ(json.at("ingress").at("verdict"), "deny");
  EXPECT_EQ(json.at("egress").at("verdict"), "allow");
}

TEST(PolicyCheck, PodsAreSubjectsAndNeedNoAddress) {
  World world;
  world.add(manifest::Pod{.meta = {.name = "a", .ns = "x", .labels = {{"app", "a"}}}});
  world.add(manifest::Pod{.meta = {.name = "b", .ns = "x"}});
  world.policy("x/p", {},
               {{.peers = {testing::pods(testing::is("app", "a")), testing::block("::/0"),
                           testing::block("0.0.0.0/0")}}});
  const auto check = PolicyCheck::build(world.objects());
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->check(*parse_flow("x/a,x/b,tcp,1"))->allowed);
  EXPECT_FALSE(check->check(*parse_flow("x/b,x/a,tcp,1"))->allowed);
  EXPECT_TRUE(check->check(*parse_flow("fd00::1,x/a,tcp,1"))->allowed);
}

// 10,000 endpoints under 2,000 policies: seconds would mean that all pairs were tried.
TEST(PolicyCheck, CompilesAndAnswersAtScale) {
  World world;
  world.node("dpu");
  world.network("blue", 1);
  for (int i = 0; i < 10000; ++i) {
    world.endpoint(absl::StrCat("ns", i % 100, "/e", i), "dpu", {{"app", absl::StrCat("a", i % 500)}},
                   {IpAddress::v4(0x0a000000u + i).str()});
  }
  for (int i = 0; i < 2000; ++i) {
    world.policy(absl::StrCat("ns", i % 100, "/p", i), testing::is("app", absl::StrCat("a", i % 500)),
                 {{.peers = {testing::spaces({}), testing::pods(testing::is("app", "a1"))},
                   .ports = {testing::tcp(80), testing::tcp(1000, 2000)}}});
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto check = PolicyCheck::build(world.objects());
  ASSERT_TRUE(check.ok()) << check.status();
  for (int i = 0; i < 10000; ++i) {
    ASSERT_TRUE(check->check({absl::StrCat("ns", i % 100, "/e", i), "ns1/e1", 6, 80}).ok());
  }
  const auto spent = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds", static_cast<int>(spent / std::chrono::milliseconds(1)));
  EXPECT_LT(spent, std::chrono::seconds(20));  // 1 s here; sanitizers and busy machines included
}

}  // namespace
}  // namespace outrigger::compiler
