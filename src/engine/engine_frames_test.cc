// What happens to frames on their way: tunnels, fragments, copies, answers.
#include "engine/engine_fixture.h"

namespace outrigger::engine::scripted {
namespace {

TEST_F(EngineTest, TunnelledPacketGetsItsHeadersAndComesBack) {
  send(kLeft, udp(true, 1007, 20, kFarIp));
  const std::vector<Frame> sent = out_of(kUplink);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].size(), 50 + udp(true, 1007).size());
  EXPECT_EQ(sent[0][14], 0x45);
  // An answer from the peer, as it would be wrapped.
  std::array<uint8_t, 512> buffer;
  const size_t length = packet::Builder(buffer)
                            .ethernet(kRightMac, kLeftMac)
                            .ip(IpAddress::v4(2), IpAddress::v4(1))
                            .udp(50000, 4789)
                            .vxlan(kBlue)
                            .ethernet(kLeftMac, kRightMac)
                            .ip(kFarIp, kLeftIp)
                            .udp(53, 1007)
                            .zeros(8)
                            .finish();
  send(kUplink, {buffer.data(), length});
  EXPECT_EQ(out_of(kLeft).size(), 1u) << dropped(Drop::kIpAddressInvalid) << dropped(Drop::kTunnelMalformed);
}

TEST_F(EngineTest, NothingLeavesForAPeerWithoutAMac) {
  script.decide = [](const FirstPacket& packet, Decision& decision) {
    decision.from.port = packet.port;
    decision.to.port = kUplink;
    decision.to.tunnel = TunnelId(2);
    return Step::next();
  };
  script.mtu = 1500;
  apply();
  send(kLeft, udp(true, 1015));
  EXPECT_TRUE(out_of(kUplink).empty());
  EXPECT_EQ(dropped(Drop::kOverlayNeighbourUnresolved), 1u);
}

TEST_F(EngineTest, TunnelFromAStrangerIsDroppedByName) {
  for (const auto& [source, vni, why] : {std::tuple{"192.0.2.99", 100u, Drop::kTunnelUnknownPeer},
                                         std::tuple{"0.0.0.2", 101u, Drop::kTunnelUnknownVni}}) {
    std::array<uint8_t, 512> buffer;
    const size_t length = packet::Builder(buffer)
                              .ethernet(kRightMac, kLeftMac)
                              .ip(*IpAddress::parse(source), IpAddress::v4(1))
                              .udp(50000, 4789)
                              .vxlan(Vni(vni))
                              .ethernet(kLeftMac, kRightMac)
                              .ip(kFarIp, kLeftIp)
                              .udp(53, 1)
                              .finish();
    send(kUplink, {buffer.data(), length});
    EXPECT_EQ(dropped(why), 1u) << info(why).name;
  }
}

TEST_F(EngineTest, TooBigIsFragmentedOrRefused) {
  script.mtu = 600;
  apply();
  send(kLeft, udp(true, 1008, 1400));
  const std::vector<Frame> pieces = out_of(kRight);
  ASSERT_EQ(pieces.size(), 3u);
  size_t payload = 0;
  for (const Frame& piece : pieces) {
    packet::PacketInfo info;
    packet::parse(piece, kBlue, info);
    EXPECT_NE(info.kind, packet::Kind::kMalformed) << outrigger::info(info.drop).name;
    EXPECT_LE(info.length, 614);
    payload += info.length - 34u;
  }
  EXPECT_EQ(payload, 1408u);
  std::array<uint8_t, 2000> buffer;
  const size_t length = packet::Builder(buffer)
                            .ethernet(kRightMac, kLeftMac)
                            .ip(kLeftIp, kRightIp)
                            .dont_fragment()
                            .udp(1009, 53)
                            .zeros(1400)
                            .finish();
  send(kLeft, {buffer.data(), length});
  EXPECT_EQ(dropped(Drop::kPacketTooBig), 1u);
  EXPECT_EQ(out_of(kLeft).size(), 1u);  // the sender is told
}

TEST_F(EngineTest, FragmentsFollowTheirFirst) {
  const auto piece = [](uint16_t id, uint16_t offset, bool more) {
    std::array<uint8_t, 256> buffer;
    packet::Builder builder(buffer);
    builder.ethernet(kRightMac, kLeftMac).ip(kLeftIp, kRightIp).fragment(id, offset, more);
    if (offset == 0) {
      builder.udp(1010, 53).zeros(40);
    } else {
      builder.protocol(packet::kUdp).zeros(32);
    }
    return Frame(buffer.begin(), buffer.begin() + static_cast<long>(builder.finish()));
  };
  send(kLeft, piece(7, 0, true));
  settle();
  send(kLeft, piece(7, 48, false));
  EXPECT_EQ(out_of(kRight).size(), 2u);
  send(kLeft, piece(8, 48, false));
  EXPECT_EQ(dropped(Drop::kFragmentUnknown), 1u);
}

TEST_F(EngineTest, BroadcastIsCopied) {
  script.decide = [](const FirstPacket&, Decision&) { return Step::replicate(); };
  apply();
  send(kLeft, udp(true, 1011));
  EXPECT_EQ(out_of(kRight).size(), 1u);
  EXPECT_EQ(out_of(kUplink).size(), 1u);
}

TEST_F(EngineTest, AnswersAreLimitedInRate) {
  script.decide = [](const FirstPacket&, Decision&) { return Step::respond(); };
  apply();
  for (uint16_t i = 0; i < 600; ++i) send(kLeft, udp(true, static_cast<uint16_t>(3000 + i)));
  const size_t answered = out_of(kLeft).size();
  EXPECT_GT(answered, 0u);
  EXPECT_EQ(answered + dropped(Drop::kRateLimited), 600u);
  EXPECT_GT(dropped(Drop::kRateLimited), 0u);
}

}  // namespace
}  // namespace outrigger::engine::scripted
