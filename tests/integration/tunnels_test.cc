// To and from the fabric: who may tunnel what to us, and what leaves.
#include "base/bytes.h"
#include "integration/rig.h"
#include "packet/checksum.h"

namespace outrigger::integration {
namespace {

constexpr const char *kWebIp = "10.1.0.11", *kFarIp = "10.1.0.21", *kPlainIp = "10.1.0.31";

class Tunnels : public Rig {
 protected:
  static Bytes in(uint16_t port = 7000) { return udp(kWeb, kFar, kFarIp, kWebIp, 64, port, 53); }
  static Bytes out(uint16_t port = 7000, size_t payload = 20) {
    return make(
        [&](Builder& b) { b.ethernet(kFar, kWeb).ip(ip(kWebIp), ip(kFarIp)).udp(53, port).zeros(payload); });
  }
  void only_v6() {
    v1::Structure s = structure();
    s.mutable_peers(0)->clear_underlay();
    s.mutable_peers(0)->add_underlay(ip("2001:db8::2").bytes());
    apply(s);
  }
};

TEST_F(Tunnels, AStrangerIsDroppedByName) {
  const auto row = [&](const Fabric& fabric, Drop why) {
    EXPECT_EQ(passed(kUplink, wrapped(in(), fabric), kWebPort), 0u);
    EXPECT_EQ(dropped(why), 1u) << info(why).name;
  };
  row({.from = ip("192.0.2.99")}, Drop::kTunnelUnknownPeer);
  row({.vni = Vni(300)}, Drop::kTunnelUnknownVni);
  row({.geneve = true}, Drop::kTunnelUnknownVni);  // blue is VXLAN
  row({.to = ip("192.0.2.5")}, Drop::kTunnelNotForUs);
  row({.from = ip("192.0.2.3")}, Drop::kTunnelSourceMismatch);  // far lives at the other peer
  EXPECT_EQ(passed(kUplink, wrapped(in()), kWebPort), 1u);
}

// Right after a publication nothing is known of the packet before: not even nothing.
TEST_F(Tunnels, TheUnspecifiedAddressIsNoPeer) {
  apply(structure());
  Bytes frame = wrapped(in(), {.from = ip("2001:db8::2"), .to = ip("2001:db8::1"), .vni = Vni(0)});
  std::fill_n(frame.begin() + 22, 16, uint8_t{0});
  store_be16(&frame[60], 0);  // no UDP checksum
  EXPECT_EQ(passed(kUplink, frame, kWebPort), 0u);
  EXPECT_EQ(dropped(Drop::kTunnelUnknownPeer), 1u);
}

TEST_F(Tunnels, ATunnelInATunnelReachesNobody) {
  const Bytes nested = wrapped(in());
  EXPECT_EQ(passed(kUplink, wrapped(nested), kWebPort), 0u);
  EXPECT_EQ(passed(kWebPort, make([&](Builder& b) {
                     b.ethernet(kGatewayMac, kWeb).ip(ip(kWebIp), ip("192.0.2.1")).udp(5, 4789).vxlan(kRed);
                     b.payload(in());
                   }),
                   kUplink),
            0u);
}

TEST_F(Tunnels, VxlanOverIpv4) {
  EXPECT_EQ(passed(kUplink, wrapped(in()), kWebPort), 1u);
  send(kWebPort, out());
  const std::vector<Bytes> sent = out_of(kUplink);
  ASSERT_EQ(sent.size(), 1u);
  const packet::TunnelInfo outer = packet::parse_tunnel(sent[0]);
  EXPECT_EQ(outer.drop, Drop::kNone);
  EXPECT_EQ(outer.source, ip("192.0.2.1"));
  EXPECT_EQ(outer.destination, ip("192.0.2.2"));
  EXPECT_EQ(outer.vni, kBlue);
  EXPECT_EQ(MacAddress::load(sent[0].data()), kDpuHop);
  EXPECT_EQ(Bytes(sent[0].begin() + outer.inner_offset, sent[0].end()), out());
}

TEST_F(Tunnels, VxlanOverIpv6HasARightChecksum) {
  only_v6();
  for (const size_t payload : {0, 1, 19, 20, 1300}) {
    send(kWebPort, out(7010, payload));
    const std::vector<Bytes> sent = out_of(kUplink);
    ASSERT_EQ(sent.size(), 1u) << payload;
    EXPECT_NE(load_be16(&sent[0][60]), 0u);
    const packet::TunnelInfo outer = packet::parse_tunnel(sent[0]);  // checks it
    EXPECT_EQ(outer.drop, Drop::kNone) << payload;
    EXPECT_EQ(outer.destination, ip("2001:db8::2"));
  }
  const Fabric v6{.from = ip("2001:db8::2"), .to = ip("2001:db8::1"), .checksum = true};
  EXPECT_EQ(passed(kUplink, wrapped(in(7010), v6), kWebPort), 1u);
}

TEST_F(Tunnels, GeneveBothWays) {
  v1::Structure s = structure();
  s.mutable_networks(0)->set_encapsulation(v1::ENCAPSULATION_GENEVE);
  apply(s);
  EXPECT_EQ(passed(kUplink, wrapped(in(7020), {.geneve = true}), kWebPort), 1u);
  send(kWebPort, out(7020));
  const std::vector<Bytes> sent = out_of(kUplink);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(packet::parse_tunnel(sent[0]).type, packet::TunnelType::kGeneve);
  EXPECT_EQ(passed(kUplink, wrapped(in(7020)), kWebPort), 0u);
}

TEST_F(Tunnels, APlainHostIsRoutedThroughThisNode) {
  const Bytes request = udp(kGatewayMac, kPlain, kPlainIp, "10.1.1.22", 64, 7030, 53);
  send(kUplink, wrapped(request, {.from = ip("192.0.2.3")}));
  const std::vector<Bytes> relayed = out_of(kUplink);
  ASSERT_EQ(relayed.size(), 1u);
  const packet::TunnelInfo outer = packet::parse_tunnel(relayed[0]);
  EXPECT_EQ(outer.destination, ip("192.0.2.2"));
  const uint8_t* const inner = relayed[0].data() + outer.inner_offset;
  EXPECT_EQ(MacAddress::load(inner), kFarDb);
  EXPECT_EQ(MacAddress::load(inner + 6), kGatewayMac);
  EXPECT_EQ(inner[22], 63);  // routed once
}

TEST_F(Tunnels, TooBigForTheTunnelBothFamilies) {
  only_v6();  // 1430 inside
  const auto v4 = [](bool keep) {
    return make([&](Builder& b) {
      b.ethernet(kFar, kWeb).ip(ip(kWebIp), ip(kFarIp));
      if (keep) b.dont_fragment();
      b.udp(53, 7040).zeros(1440 - 28);
    });
  };
  send(kWebPort, v4(true));
  std::vector<Bytes> told = out_of(kWebPort);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(load_be16(&told[0][14 + 20 + 6]), 1430);  // RFC 1191 §4
  EXPECT_EQ(dropped(Drop::kPacketTooBig), 1u);
  send(kWebPort, v4(false));
  EXPECT_EQ(out_of(kUplink).size(), 2u);
  send(kWebPort, make([](Builder& b) {
         b.ethernet(kFar, kWeb).ip(ip("fd00:1::11"), ip("fd00:1::21")).udp(53, 7041).zeros(1440 - 48);
       }));
  told = out_of(kWebPort);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0][54], 2);  // packet too big
  EXPECT_EQ(load_be32(&told[0][58]), 1430u);
}

// Bytes past the IP packet's end are no part of it: they must not ride past the MTU, nor to anyone.
TEST_F(Tunnels, WhatFollowsThePacketIsCutOff) {
  Bytes padded = out(7050);
  const size_t size = padded.size();
  padded.resize(1900, 0xee);
  send(kWebPort, padded);
  const std::vector<Bytes> sent = out_of(kUplink);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].size(), size + 50);
  Bytes inside = in(7050);
  inside.resize(1900, 0xee);
  send(kUplink, wrapped(inside));
  const std::vector<Bytes> delivered = out_of(kWebPort);
  ASSERT_EQ(delivered.size(), 1u);
  EXPECT_EQ(delivered[0].size(), in().size());
}

// What resolves the underlay comes from the underlay, never out of a tunnel.
TEST_F(Tunnels, ATenantCannotTeachTheUnderlay) {
  v1::Structure s = structure();
  s.mutable_peers(0)->clear_mac();
  apply(s);
  engine().tend();  // asks for the peer
  (void)out_of(kUplink);
  const auto arp = [](const MacAddress& mac) {
    return make([&](Builder& b) {
      b.ethernet(kUnderlayMac, mac).arp(2, mac, ip("192.0.2.2"), kUnderlayMac, ip("192.0.2.1"));
    });
  };
  send(kUplink, wrapped(arp(kPlain), {.from = ip("192.0.2.3")}));
  settle();
  engine().tend();
  EXPECT_EQ(passed(kWebPort, out(7060), kUplink), 0u);
  EXPECT_EQ(dropped(Drop::kOverlayNeighbourUnresolved), 1u);
  send(kUplink, arp(kDpuHop));
  settle();
  engine().tend();
  EXPECT_EQ(passed(kWebPort, out(7060), kUplink), 1u);
}

}  // namespace
}  // namespace outrigger::integration
