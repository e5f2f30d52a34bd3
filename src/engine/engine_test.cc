// Sessions and publications: who is decided about, how often, and by which tables.
#include "engine/engine_fixture.h"

namespace outrigger::engine::scripted {
namespace {

TEST_F(EngineTest, DeliversBothWaysAndDecidesOnce) {
  for (int i = 0; i < 10; ++i) send(kLeft, udp(true, 1000));
  EXPECT_EQ(out_of(kRight).size(), 10u);
  for (int i = 0; i < 10; ++i) send(kRight, udp(false, 1000));
  EXPECT_EQ(out_of(kLeft).size(), 10u);
  uint64_t decided = 0;
  const Figures now = engine->figures();
  for (size_t i = 0; i < now.workers.size(); ++i)
    decided += now.workers[i].decided - before_.workers[i].decided;
  EXPECT_EQ(decided, 1u);
}

TEST_F(EngineTest, FlowsSpreadOverWorkersAndStayWhole) {
  for (uint16_t port = 2000; port < 2200; ++port) send(kLeft, udp(true, port));
  EXPECT_EQ(out_of(kRight).size(), 200u);
  const Figures now = engine->figures();
  uint64_t handed_over = 0;
  for (size_t i = 0; i < now.workers.size(); ++i) {
    EXPECT_GT(now.workers[i].decided, before_.workers[i].decided);
    handed_over += now.workers[i].handed_over - before_.workers[i].handed_over;
  }
  EXPECT_GT(handed_over, 0u);
}

TEST_F(EngineTest, ForeignMacIsDroppedOnEveryPacket) {
  send(kLeft, udp(true, 1001));
  Frame forged = udp(true, 1001);
  forged[11] ^= 0x55;
  send(kLeft, forged);
  EXPECT_EQ(out_of(kRight).size(), 1u);
  EXPECT_EQ(dropped(Drop::kSpoofedMac), 1u);
}

TEST_F(EngineTest, ASessionBelongsToItsTwoPlaces) {
  send(kLeft, udp(true, 1002));
  settle();
  Frame stolen = udp(true, 1002);  // the left end's packet, from the right end's port
  kRightMac.store(stolen.data() + 6);
  send(kRight, stolen);
  EXPECT_EQ(dropped(Drop::kSessionWrongPort), 1u);
  EXPECT_EQ(out_of(kRight).size(), 1u);
}

TEST_F(EngineTest, DenialIsRememberedAndCounted) {
  script.decide = deny;
  apply();
  for (int i = 0; i < 5; ++i) send(kLeft, udp(true, 1003));
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 5u);
  EXPECT_TRUE(out_of(kRight).empty());
}

TEST_F(EngineTest, RevokedFlowStopsBeforeItsNextPacketBothWays) {
  send(kLeft, udp(true, 1004));
  EXPECT_EQ(out_of(kRight).size(), 1u);
  send(kRight, udp(false, 1004));
  EXPECT_EQ(out_of(kLeft).size(), 1u);
  // Only what the left opens is denied: the right end's packets of this flow must stop all the same.
  script.decide = [](const FirstPacket& packet, Decision& decision) {
    const bool opened_by_left = (packet.port == kLeft) != packet.reply;
    return opened_by_left ? deny(packet, decision) : deliver_across(packet, decision);
  };
  apply();
  send(kRight, udp(false, 1004));
  send(kLeft, udp(true, 1004));
  send(kRight, udp(false, 1004));
  EXPECT_TRUE(out_of(kLeft).empty());
  EXPECT_TRUE(out_of(kRight).empty());
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 3u);
  apply();  // a later change that does not concern it opens nothing
  send(kRight, udp(false, 1004));
  settle();
  send(kLeft, udp(true, 1004));
  EXPECT_TRUE(out_of(kLeft).empty());
  EXPECT_TRUE(out_of(kRight).empty());
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 5u);
  script.decide = deliver_across;
  apply();
  send(kLeft, udp(true, 1004));
  EXPECT_EQ(out_of(kRight).size(), 1u);
}

TEST_F(EngineTest, UnaffectedSessionKeepsItsDecision) {
  send(kLeft, udp(true, 1005));
  settle();
  script.decide = deny;
  script.changes = false;
  apply();
  send(kLeft, udp(true, 1005));
  EXPECT_EQ(out_of(kRight).size(), 2u);
  send(kLeft, udp(true, 1006));
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 1u);
}

TEST_F(EngineTest, PublishesUnderTrafficWithoutLoss) {
  size_t received = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 10; ++i) send(kLeft, udp(true, static_cast<uint16_t>(4000 + i)));
    apply();
    received += collect(ports[kRight.value()]).size();
  }
  received += out_of(kRight).size();
  EXPECT_EQ(received, 500u);
}

TEST_F(EngineTest, ExplainUsesThePublishedTables) {
  const Frame frame = udp(true, 1012);
  auto explained = engine->explain(frame, kLeft, kNoTunnel);
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_EQ(explained->step, Step::next());
  EXPECT_EQ(explained->decision.to.port, kRight);
  EXPECT_FALSE(engine->explain(frame, PortId(99), kNoTunnel).ok());
  EXPECT_TRUE(out_of(kRight).empty());  // nothing moved
}

TEST_F(EngineTest, SessionsAreListed) {
  send(kLeft, udp(true, 1013));
  settle();
  bool found = false;
  for (const Session& session : engine->sessions(10000)) {
    if (session.key.a_port != 1013 && session.key.b_port != 1013) continue;
    found = true;
    EXPECT_EQ(session.packets[session.opener], 1u);
    EXPECT_EQ(session.state, SessionState::kNew);
  }
  EXPECT_TRUE(found);
  (void)out_of(kRight);
}

TEST_F(EngineTest, ARefusedUpdateChangesNothing) {
  v1::Update update;
  v1::Port* port = update.mutable_structure()->add_ports();
  port->set_id(9);
  port->set_device("net_nonesuch0");
  EXPECT_FALSE(engine->apply(update.SerializeAsString()).ok());
  EXPECT_FALSE(engine->apply("\xff\xff not an update").ok());
  port->set_device("net_ring_p1");  // under another number: it must not be stopped on the way
  for (const PortId id : {kLeft, kRight, kUplink}) {
    v1::Port* known = update.mutable_structure()->add_ports();
    known->set_id(id.value());
    known->set_device(absl::StrCat("net_ring_p", id.value()));
  }
  std::rotate(update.mutable_structure()->mutable_ports()->begin(),
              update.mutable_structure()->mutable_ports()->begin() + 1,
              update.mutable_structure()->mutable_ports()->end());
  EXPECT_FALSE(engine->apply(update.SerializeAsString()).ok());
  send(kLeft, udp(true, 1014));
  EXPECT_EQ(out_of(kRight).size(), 1u);
}

}  // namespace
}  // namespace outrigger::engine::scripted
