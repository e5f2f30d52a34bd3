// A session says enough for another engine to be asked about it: the frame made from its key is decided as
// its first packet was.
#include "engine/session_frame.h"
#include "engine/verdict.h"
#include "integration/rig.h"

namespace outrigger::integration {
namespace {

using engine::Verdict;

struct Row {
  const char* what;
  PortId port;
  MacAddress to, from;
  const char* source;
  const char* destination;
};

// As the worker installs it.
engine::Session session_of(const engine::FirstPacket& packet, const engine::Decision& decision) {
  engine::Session session;
  session.key = packet.info.key;
  session.opener = packet.info.reverse;
  session.end[session.opener] = decision.from;
  session.end[session.opener ^ 1] = decision.to;
  session.state = engine::SessionState::kNew;
  return session;
}

TEST(ShadowFrames, AreDecidedAsTheFirstPacketWas) {
  services::test::Node node;
  ASSERT_TRUE(node.apply(reachable_world()).ok());
  const Row rows[] = {
      {"bridged", kWebPort, kCache, kWeb, "10.1.0.11", "10.1.0.17"},
      {"routed", kWebPort, kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12"},
      {"to a peer", kWebPort, kFar, kWeb, "10.1.0.11", "10.1.0.21"},
      {"routed to a peer", kWebPort, kGatewayMac, kWeb, "10.1.0.11", "10.1.1.22"},
      {"IPv6, routed", kWebPort, kGatewayMac, kWeb, "fd00:1::11", "fd00:2::12"},
  };
  size_t made = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const Bytes frame = tcp(row.to, row.from, row.source, row.destination, {});
    packet::PacketInfo info;
    packet::parse(frame, kBlue, info);
    const engine::FirstPacket first{info, frame, row.port, kNoTunnel, false};
    engine::Decision decision;
    const engine::Step step = node.tables().decide(first, decision);
    const engine::Actions& actions = *node.tables().actions;
    ASSERT_EQ(step.kind, engine::Step::Kind::kNext) << text(Verdict::of(step, decision, actions));
    engine::SessionFrame again;
    ASSERT_TRUE(again.build(session_of(first, decision), actions));
    engine::Decision second;
    const engine::Step then =
        node.tables().decide({again.info(), again.frame(), row.port, kNoTunnel, false}, second);
    EXPECT_EQ(Verdict::of(then, second, actions), Verdict::of(step, decision, actions));
    EXPECT_EQ(second.to, decision.to);
    ++made;
  }
  EXPECT_EQ(made, std::size(rows));
}

TEST(ShadowFrames, ASessionThatTellsTooLittleMakesNone) {
  services::test::Node node;
  ASSERT_TRUE(node.apply(reachable_world()).ok());
  engine::Session session;
  session.state = engine::SessionState::kDenied;
  EXPECT_FALSE(engine::SessionFrame().build(session, *node.tables().actions));
  session.state = engine::SessionState::kNew;
  session.end[0] = {.port = kUplink, .tunnel = kFromDpu};
  session.end[1] = {.port = kWebPort, .endpoint = kWebId.value()};
  EXPECT_FALSE(engine::SessionFrame().build(session, *node.tables().actions));
}

}  // namespace
}  // namespace outrigger::integration
