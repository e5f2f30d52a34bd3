// What an engine does beside moving packets: it beats, answers probes, and looks over another's shoulder.
#include "engine/takeover_fixture.h"

namespace outrigger::engine::takeover {
namespace {

TEST_F(TakeoverTest, TheWorkerBeatsAlsoAtRest) {
  give_to(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const uint64_t before = memory->word(0).beat;
  EXPECT_NE(memory->word(0).thread, 0u);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_GT(memory->word(0).beat, before + 5);
  give_to(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(memory->word(0).owner, 1u);
}

TEST_F(TakeoverTest, AProbeGoesThroughTheDataPath) {
  EXPECT_EQ(engines[0]->probe(kProbeA, udp(true, 7, 42), 42, 10).status().code(),
            absl::StatusCode::kFailedPrecondition);
  give_to(0);
  EXPECT_FALSE(engines[0]->probe(kLeft, udp(true, 7, 42), 42, 10).ok());
  const auto echo = engines[0]->probe(kProbeA, udp(true, 7, 42), 42, 500);
  ASSERT_TRUE(echo.ok()) << echo.status();
  EXPECT_TRUE(echo->arrived);
  EXPECT_EQ(echo->port, kProbeB);
  EXPECT_EQ(echo->frame, udp(true, 7, 42));
  EXPECT_GT(echo->nanoseconds, 0u);
  EXPECT_LT(echo->nanoseconds, 500'000'000u);
  const auto other = engines[0]->probe(kProbeA, udp(true, 7, 43), 44, 20);
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE(other->arrived);
  decide[0] = deny;
  apply(0);
  const auto denied = engines[0]->probe(kProbeA, udp(true, 8, 45), 45, 50);
  ASSERT_TRUE(denied.ok());
  EXPECT_FALSE(denied->arrived);
  EXPECT_EQ(denied->drop, Drop::kPolicyIngress);
}

TEST_F(TakeoverTest, AnEchoRequestAtAProbePortIsAnswered) {
  give_to(0);
  for (const bool v6 : {false, true}) {
    const IpAddress from = v6 ? *IpAddress::parse("2001:db8::1") : kLeftIp;
    const IpAddress to = v6 ? *IpAddress::parse("2001:db8::2") : kRightIp;
    Frame request(120);
    // A mark of its own each time: what comes late is kept for who asks for it again.
    const std::array<uint8_t, 8> payload{1, 2, 3, 4, 5, 6, 7, static_cast<uint8_t>(v6 ? 9 : 8)};
    const uint64_t mark = v6 ? 0x0907060504030201 : 0x0807060504030201;
    request.resize(packet::Builder(request)
                       .ethernet(kRightMac, kLeftMac)
                       .ip(from, to)
                       .icmp(v6 ? 128 : 8, 0, 0x00070001)
                       .payload(payload)
                       .finish());
    Frame reply(120);
    reply.resize(packet::Builder(reply)
                     .ethernet(kLeftMac, kRightMac)
                     .ip(to, from)
                     .icmp(v6 ? 129 : 0, 0, 0x00070001)
                     .payload(payload)
                     .finish());
    const uint64_t before = memory->ports(0)[kProbeA.value()].tx_packets.get() +
                            memory->ports(1)[kProbeA.value()].tx_packets.get();
    const auto echo = engines[0]->probe(kProbeA, request, mark, 500);
    ASSERT_TRUE(echo.ok());
    EXPECT_EQ(echo->frame, request);  // as it came out of the other probe port
    uint64_t after = before;
    for (int i = 0; i < 200 && after == before; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      after = memory->ports(0)[kProbeA.value()].tx_packets.get() +
              memory->ports(1)[kProbeA.value()].tx_packets.get();
    }
    EXPECT_EQ(after, before + 1);  // the reply came back to where the request began
  }
}

TEST_F(TakeoverTest, AShadowAgreesOrSaysWhereItDoesNot) {
  give_to(0);
  ASSERT_TRUE(send(kLeft, udp(true, 600)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  EXPECT_FALSE(engines[0]->shadow(true).ok());
  ASSERT_TRUE(engines[1]->shadow(true).ok());
  EXPECT_EQ(engines[1]->role(), Role::kShadow);
  for (uint16_t port = 601; port < 611; ++port) ASSERT_TRUE(send(kLeft, udp(true, port)));
  EXPECT_EQ(arrive(kRight, 10), 10u);
  engines[0]->tend();
  ShadowReport report = engines[1]->shadow_report();
  EXPECT_EQ(report.first_packets, 10u);
  EXPECT_GE(report.sessions, 11u);
  EXPECT_EQ(report.different, 0u) << (report.differences.empty() ? "" : report.differences[0].kind);

  decide[1] = deny;
  apply(1);
  ASSERT_TRUE(send(kLeft, udp(true, 700)));
  EXPECT_EQ(arrive(kRight, 1), 1u);  // a shadow moves and stops nothing
  report = engines[1]->shadow_report();
  EXPECT_EQ(report.first_packets, 11u);
  ASSERT_FALSE(report.differences.empty());
  EXPECT_EQ(report.differences[0].kind, "forward -> drop policy_ingress");
  EXPECT_EQ(report.differences[0].shadow, "drop policy_ingress, rule 3");
  bool named = false;
  for (const Difference& one : report.differences)
    named |= one.flow == "udp 10.0.0.1:700 -> 10.0.0.2:53 from port 1";
  EXPECT_TRUE(named);
  ASSERT_TRUE(engines[1]->shadow(false).ok());
  EXPECT_EQ(memory->header().sampling, 0u);
  EXPECT_GT(engines[1]->shadow_report().different, 0u);  // kept until the next begins
}

TEST_F(TakeoverTest, NeighboursAreInherited) {
  memory->header().neighbours[5].address = kLeftIp;
  memory->header().neighbours[5].mac = kLeftMac;
  memory->header().neighbours[5].sequence = 2;
  memory->header().neighbours[6].sequence = 3;  // its writer died
  memory->header().neighbours[6].address = kRightIp;
  engines[1]->tend();
  EXPECT_EQ(builders[1]->learnt, std::vector<IpAddress>{kLeftIp});
}

}  // namespace
}  // namespace outrigger::engine::takeover
