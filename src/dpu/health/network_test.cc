// The health network as it is compiled, through the services' own tables: what the probes count on.
#include <gtest/gtest.h>

#include "compiler/health_network.h"
#include "compiler/test_objects.h"
#include "dpu/health/probe_frames.h"
#include "engine/tables.h"
#include "packet/packet_info.h"
#include "packet/parser.h"
#include "services/services.h"

namespace outrigger::agent {
namespace {

using compiler::kAllowedPort;
using compiler::kDeniedPort;
using compiler::kIsolatedPort;

class HealthTables : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.node("host-a", "192.0.2.1");
    world_.node("host-b", "192.0.2.2");
    world_.network("blue", 100).subnets = {{*IpPrefix::parse("10.1.0.0/24"), *IpAddress::parse("10.1.0.1")}};
    world_.endpoint("shop/web", "host-a", {{"app", "web"}}, {"10.1.0.11"}).mac =
        *MacAddress::parse("02:00:00:00:00:01");
    // Denies everything to everybody, which must not reach the probes.
    world_.admin("all", 1, {{.action = manifest::Action::kDeny, .peers = {compiler::testing::spaces({})}}});
    compiler::Ids ids;
    const auto compiled = compiler::compile(world_.objects(), "host-a", {"up", "ep%u", true}, ids);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    plan_ = compiler::plan_health(world_.objects(), "host-a");
    engine::v1::Update update;
    update.set_generation(1);
    *update.mutable_structure() = compiled->structure;
    *update.mutable_policy() = compiled->policy;
    builder_ = services::make_builder();
    auto tables = builder_->build(update.SerializeAsString(), Epoch(1));
    ASSERT_TRUE(tables.ok()) << tables.status();
    for (const IpAddress& neighbour : builder_->neighbours())
      (void)builder_->learn(neighbour, MacAddress{{2, 0, 0, 0, 0, 9}});
    builder_->retire();
    tables = builder_->rebuild(Epoch(2));
    ASSERT_TRUE(tables.ok()) << tables.status();
    tables_ = *tables;
  }

  engine::Step decide(uint32_t port, const std::vector<uint8_t>& frame, engine::Decision& decision) {
    packet::PacketInfo info;
    packet::parse(frame, Vni(manifest::kHealthVni), info);
    EXPECT_EQ(info.kind, packet::Kind::kFlow);
    return tables_->decide({info, frame, PortId(static_cast<uint16_t>(port)), kNoTunnel}, decision);
  }
  Drop drop(uint8_t protocol, uint16_t port) {
    engine::Decision decision;
    const auto frame = probe_frame(plan_.a, plan_.b, {protocol, 20001, port}, next_mark());
    const engine::Step step = decide(compiler::kProbePortA, frame, decision);
    if (step.drop == Drop::kNone) {
      EXPECT_EQ(decision.to.port, PortId(compiler::kProbePortB));
    }
    return step.drop;
  }

  compiler::testing::World world_;
  compiler::HealthPlan plan_;
  std::unique_ptr<engine::TableBuilder> builder_;
  const engine::Tables* tables_ = nullptr;
};

TEST_F(HealthTables, AllowAndDenyAsTheVerdictProbeExpects) {
  for (const uint8_t protocol : {packet::kTcp, packet::kUdp}) {
    EXPECT_EQ(drop(protocol, kAllowedPort), Drop::kNone);
    EXPECT_EQ(drop(protocol, kDeniedPort), Drop::kPolicyIngress);
    EXPECT_EQ(drop(protocol, kIsolatedPort), Drop::kPolicyIngress);
  }
}

TEST_F(HealthTables, BackIsOpen) {
  engine::Decision decision;
  const auto frame = probe_frame(plan_.b, plan_.a, {packet::kUdp, 7777, 7777}, next_mark());
  EXPECT_EQ(decide(compiler::kProbePortB, frame, decision).drop, Drop::kNone);
  EXPECT_EQ(decision.to.port, PortId(compiler::kProbePortA));
}

TEST_F(HealthTables, APeerIsBehindItsTunnel) {
  ASSERT_EQ(plan_.peers.size(), 1u);
  engine::Decision decision;
  const auto frame = echo_frame(plan_.a, plan_.peers[0].end, 1, next_mark());
  EXPECT_EQ(decide(compiler::kProbePortA, frame, decision).drop, Drop::kNone);
  EXPECT_NE(decision.to.tunnel, kNoTunnel);
}

}  // namespace
}  // namespace outrigger::agent
