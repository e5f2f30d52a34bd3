#include "dpu/explain.h"

#include "absl/strings/str_cat.h"
#include "dpu/party.h"
#include "dpu/test_state.h"
#include "gmock/gmock.h"
#include "services/services.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

// Every node is explained by the services' own tables; this one's stand in for the engine.
class ExplainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto applied = test_.apply(absl::StrCat(
        kTwoNodes, endpoint("web-1", "host-a", "10.1.0.11", "02:00:00:00:01:01", "web"),
        endpoint("client-1", "host-a", "10.1.0.12", "02:00:00:00:01:02", "client"),
        endpoint("web-2", "host-b", "10.1.0.21", "02:00:00:00:02:01", "web"),
        endpoint("far-1", "host-b", "10.1.1.22", "02:00:00:00:02:02", "db"),
        endpoint("legacy-1", "host-c", "10.1.0.31", "02:00:00:00:03:01", "client"),
        endpoint("router-1", "host-a", "10.1.0.40, 198.51.100.0/24", "02:00:00:00:01:40", "client"), "---",
        kWebPolicy));
    ASSERT_TRUE(applied.ok()) << applied.status();
  }

  v1::Explanation explain(const std::string& source, const std::string& destination, uint32_t port,
                          const std::string& protocol = "tcp") {
    v1::ExplainRequest request;
    request.set_source(source);
    request.set_destination(destination);
    request.set_protocol(protocol);
    request.set_port(port);
    const auto why = explainer_.explain(request, test_.state->now());
    EXPECT_TRUE(why.ok()) << why.status();
    return why.ok() ? *why : v1::Explanation();
  }

  absl::StatusOr<engine::Explanation> ask(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) {
    ++asked_;
    const auto model = NodeModel::build(*test_.state->now(), "host-a", services::make_builder);
    if (!model.ok()) return model.status();
    engine::Explanation why = (*model)->explain(frame, port, tunnel);
    why.epoch = Epoch(42);
    return why;
  }

  static std::string steps(const v1::Explanation& why) {
    std::string text;
    for (const v1::ExplainStep& step : why.steps()) {
      absl::StrAppend(&text, text.empty() ? "" : " ", step.node(), ":", step.service(), ":", step.outcome());
    }
    return text;
  }

  TestState test_;
  int asked_ = 0;
  Explainer explainer_{"host-a",
                       [this](std::span<const uint8_t> frame, PortId port, TunnelId tunnel) {
                         return ask(frame, port, tunnel);
                       },
                       services::make_builder};
};

TEST_F(ExplainTest, AllowedOnOneNode) {
  const v1::Explanation why = explain("shop/client-1", "shop/web-1", 8080);
  EXPECT_EQ(why.verdict(), "allow");
  EXPECT_EQ(steps(why),
            "host-a:vswitch:forward host-a:policy:allow host-a:policy:allow host-a:overlay:deliver");
  EXPECT_THAT(why.rule(), HasSubstr("web"));
  EXPECT_THAT(why.output(), HasSubstr("(shop/web-1) on host-a"));
  EXPECT_EQ(why.epoch(), 42u);
  EXPECT_EQ(why.generation(), 1u);
  EXPECT_EQ(why.source_identity().labels().at("app"), "client");
  EXPECT_THAT(why.destination_identity().class_(), HasSubstr("web"));
  EXPECT_EQ(asked_, 1);
}

TEST_F(ExplainTest, DeniedNamesTheRuleAndTheReason) {
  const v1::Explanation why = explain("shop/client-1", "shop/web-1", 22);
  EXPECT_EQ(why.verdict(), "deny");
  EXPECT_EQ(why.reason(), "policy_ingress");
  EXPECT_THAT(why.rule(), HasSubstr("web"));
  EXPECT_THAT(why.output(), HasSubstr("drop policy_ingress on host-a"));
  EXPECT_EQ(steps(why), "host-a:vswitch:forward host-a:policy:allow host-a:policy:deny");
}

TEST_F(ExplainTest, FollowsTheTunnelToTheNodeThatJudges) {
  const v1::Explanation allowed = explain("shop/client-1", "shop/web-2", 8080);
  EXPECT_EQ(allowed.verdict(), "allow");
  EXPECT_EQ(steps(allowed),
            "host-a:vswitch:forward host-a:policy:allow host-a:overlay:encapsulate host-b:vswitch:forward "
            "host-b:policy:allow host-b:overlay:deliver");
  EXPECT_EQ(allowed.steps(0).from(), "engine");
  EXPECT_EQ(allowed.steps(3).from(), "desired_state");
  const v1::Explanation denied = explain("shop/client-1", "shop/web-2", 22);
  EXPECT_EQ(denied.verdict(), "deny");
  EXPECT_THAT(denied.output(), HasSubstr("drop policy_ingress on host-b"));
}

TEST_F(ExplainTest, StartsElsewhereAndEndsHere) {
  const v1::Explanation why = explain("shop/web-2", "shop/web-1", 8080);
  EXPECT_EQ(why.verdict(), "deny");
  EXPECT_EQ(why.steps(0).from(), "desired_state");
  EXPECT_EQ(why.steps(why.steps_size() - 1).from(), "engine");
  EXPECT_THAT(why.output(), HasSubstr("host-a"));
}

TEST_F(ExplainTest, FromAndToAPlainNode) {
  const v1::Explanation from = explain("shop/legacy-1", "shop/web-1", 8080);
  EXPECT_EQ(from.verdict(), "allow");
  EXPECT_EQ(from.steps(0).service(), "host");
  const v1::Explanation to = explain("shop/client-1", "shop/legacy-1", 80);
  EXPECT_EQ(to.verdict(), "allow");
  EXPECT_THAT(to.output(), HasSubstr("host-c (plain)"));
}

// Nothing is asked of an engine that has given its ports away.
TEST_F(ExplainTest, WhileTheHostCarriesTheDesiredStateAnswers) {
  ASSERT_TRUE(test_.state->detour({.yielded = true}).ok());
  const v1::Explanation sent = explain("shop/client-1", "shop/web-2", 22);
  EXPECT_EQ(sent.verdict(), "deny");
  EXPECT_EQ(steps(sent),
            "host-a:host:carry host-a:vswitch:forward host-a:policy:allow host-a:overlay:encapsulate "
            "host-b:vswitch:forward host-b:policy:deny");
  EXPECT_EQ(sent.steps(1).from(), "desired_state");
  const v1::Explanation received = explain("shop/web-2", "shop/web-1", 22);
  EXPECT_EQ(received.verdict(), "deny");
  EXPECT_EQ(received.reason(), "policy_ingress");
  EXPECT_EQ(asked_, 0);
}

TEST_F(ExplainTest, RoutesBetweenSubnetsAcrossTheTunnel) {
  const v1::Explanation why = explain("shop/client-1", "shop/far-1", 5432);
  EXPECT_EQ(why.verdict(), "allow") << why.DebugString();
  EXPECT_THAT(why.steps(0).detail(), HasSubstr("routed"));
}

TEST_F(ExplainTest, AddressesStandForTheirEndpoints) {
  EXPECT_EQ(explain("10.1.0.12", "10.1.0.11", 8080).verdict(), "allow");
  EXPECT_EQ(explain("10.1.0.12", "10.1.0.11", 22).verdict(), "deny");
  const v1::Explanation behind = explain("198.51.100.7", "10.1.0.11", 8080);
  EXPECT_TRUE(behind.source_identity().behind_prefix());
  EXPECT_EQ(behind.verdict(), "deny");  // a label selector means the endpoint's own addresses
}

TEST_F(ExplainTest, AddressesOfNobody) {
  const v1::Explanation to = explain("shop/client-1", "8.8.8.8", 53, "udp");
  EXPECT_EQ(to.verdict(), "deny");
  EXPECT_EQ(to.reason(), "destination_unknown");
  const v1::Explanation from = explain("8.8.8.8", "shop/web-1", 8080);
  EXPECT_EQ(from.verdict(), "deny");
  EXPECT_EQ(from.reason(), "spoofed_address");
}

TEST_F(ExplainTest, TheGatewayAnswersForItself) {
  const v1::Explanation why = explain("shop/client-1", "10.1.0.1", 0, "icmp");
  EXPECT_EQ(why.verdict(), "allow") << why.DebugString();
  EXPECT_EQ(why.output(), "answered by host-a");
}

TEST_F(ExplainTest, EveryProtocolMakesAProbe) {
  for (const char* protocol : {"icmp", "47"}) {
    EXPECT_EQ(explain("shop/client-1", "shop/legacy-1", 0, protocol).verdict(), "allow") << protocol;
  }
  for (const char* protocol : {"tcp", "udp", "sctp"}) {
    EXPECT_EQ(explain("shop/client-1", "shop/legacy-1", 9, protocol).verdict(), "allow") << protocol;
  }
}

TEST_F(ExplainTest, WhatCannotBeAskedIsSaid) {
  const auto ask = [&](const char* source, const char* destination, const char* protocol, uint32_t port) {
    v1::ExplainRequest request;
    request.set_source(source);
    request.set_destination(destination);
    request.set_protocol(protocol);
    request.set_port(port);
    return explainer_.explain(request, test_.state->now()).status();
  };
  EXPECT_EQ(ask("shop/nobody", "shop/web-1", "tcp", 1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ask("shop/web-1", "fd00::1", "tcp", 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ask("shop/web-1", "shop/client-1", "tcp", 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ask("shop/web-1", "shop/client-1", "icmp", 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ask("shop/web-1", "shop/client-1", "carrier-pigeon", 0).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace outrigger::agent
