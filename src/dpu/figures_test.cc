#include "dpu/figures.h"

#include "dpu/test_state.h"

namespace outrigger::agent {
namespace {

TEST(FiguresTest, DropsAreNamedAndZerosAreLeftOutUnlessAsked) {
  engine::Figures figures;
  figures.drops.resize(kDropCount);
  figures.drops[static_cast<size_t>(Drop::kPolicyIngress)] = 7;
  const v1::Drops some = to_drops(figures, "host-a", false);
  ASSERT_EQ(some.drops_size(), 1);
  EXPECT_EQ(some.drops(0).reason(), "policy_ingress");
  EXPECT_EQ(some.drops(0).service(), "policy");
  EXPECT_EQ(some.drops(0).count(), 7u);
  EXPECT_EQ(some.drops(0).node(), "host-a");
  EXPECT_EQ(to_drops(figures, "host-a", true).drops_size(), static_cast<int>(kDropCount) - 1);
}

TEST(FiguresTest, RulesArePairedWithTheirHits) {
  TestState test;
  ASSERT_TRUE(test.apply(std::string(kTwoNodes) +
                         endpoint("web-1", "host-a", "10.1.0.11", "02:00:00:00:01:01", "web") + "---" +
                         kWebPolicy)
                  .ok());
  const auto snapshot = test.state->now();
  ASSERT_FALSE(snapshot->compiled.rule_names.empty());
  const auto [id, name] = *snapshot->compiled.rule_names.begin();
  engine::Figures figures;
  figures.rule_hits.resize(id + 1);
  figures.rule_hits[id] = 3;
  figures.generation = Generation(1);
  const v1::Stats stats = to_stats(figures, *snapshot, "host-a");
  EXPECT_EQ(stats.rules_size(), static_cast<int>(snapshot->compiled.rule_names.size()));
  EXPECT_EQ(stats.rules(0).rule(), name);
  EXPECT_EQ(stats.rules(0).hits(), 3u);
  EXPECT_EQ(stats.applied_generation(), 1u);
}

// b opened it: what b sent is the forward direction.
TEST(FiguresTest, ASessionIsToldFromItsOpener) {
  TestState test;
  ASSERT_TRUE(test.apply(std::string(kTwoNodes) +
                         endpoint("web-1", "host-a", "10.1.0.11", "02:00:00:00:01:01", "web"))
                  .ok());
  const auto snapshot = test.state->now();
  engine::Session session;
  bool reverse = false;
  session.key = packet::FlowKey::make(Vni(100), packet::kTcp, *IpAddress::parse("10.1.0.12"),
                                      *IpAddress::parse("10.1.0.11"), 40000, 8080, &reverse);
  ASSERT_TRUE(reverse);
  session.opener = 1;
  session.state = engine::SessionState::kEstablished;
  session.packets[0] = 5;
  session.packets[1] = 4;
  session.bytes_low[0] = 500;
  session.bytes_high[0] = 1;
  session.last_seen = 160;
  const v1::Session told = to_session(session, *snapshot, "host-a", 192);
  EXPECT_EQ(told.source(), "10.1.0.12");
  EXPECT_EQ(told.source_port(), 40000u);
  EXPECT_EQ(told.destination(), "10.1.0.11");
  EXPECT_EQ(told.destination_port(), 8080u);
  EXPECT_EQ(told.packets(), 9u);
  EXPECT_EQ(told.reply_packets(), 5u);
  EXPECT_EQ(told.reply_bytes(), (1ull << 32) + 500);
  EXPECT_EQ(told.network(), "blue");
  EXPECT_EQ(told.state(), "established");
  EXPECT_DOUBLE_EQ(told.idle(), 2.0);

  EXPECT_TRUE(SessionFilter::parse("shop/web-1", *snapshot)->matches(session));
  EXPECT_TRUE(SessionFilter::parse("10.1.0.12", *snapshot)->matches(session));
  EXPECT_FALSE(SessionFilter::parse("10.1.0.99", *snapshot)->matches(session));
  EXPECT_FALSE(SessionFilter::parse("shop/nobody", *snapshot).ok());
}

}  // namespace
}  // namespace outrigger::agent
