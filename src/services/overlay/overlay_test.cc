#include "services/overlay/overlay.h"

#include <gtest/gtest.h>

#include <array>

#include "packet/checksum.h"
#include "packet/parser.h"

namespace outrigger::overlay {
namespace {

namespace v1 = ::outrigger::engine::v1;
using engine::Step;

constexpr Vni kBlue{100};
const IpAddress kUs = *IpAddress::parse("192.0.2.1");
const IpAddress kThem = *IpAddress::parse("192.0.2.2");
const MacAddress kTheirMac{{2, 0, 0, 0, 0, 2}};

// One network, endpoint 0 here, endpoint 1 at peer 5.
v1::Structure two_nodes() {
  v1::Structure structure;
  structure.add_underlay(kUs.bytes());
  v1::Port* uplink = structure.add_ports();
  uplink->set_id(3);
  uplink->set_role(v1::Port::UPLINK);
  v1::Network* network = structure.add_networks();
  network->set_vni(kBlue.value());
  v1::Peer* peer = structure.add_peers();
  peer->set_id(5);
  peer->set_name("host-b");
  peer->add_underlay(kThem.bytes());
  for (uint32_t id = 0; id < 2; ++id) {
    v1::Endpoint* endpoint = structure.add_endpoints();
    endpoint->set_id(id);
    endpoint->set_vni(kBlue.value());
    if (id == 0) endpoint->set_port(0);
    if (id == 1) endpoint->set_peer(5);
  }
  return structure;
}

struct Walk {
  Step step;
  engine::Decision decision;
};

Walk walk(const OverlayTable& table, TunnelId arrived, EndpointId source, EndpointId destination,
          PortId local_port) {
  const packet::PacketInfo info;
  Walk out;
  out.decision.source = source;
  out.decision.destination = destination;
  out.decision.to.port = local_port;
  out.decision.mtu = 9000;
  out.step = decide({info, {}, PortId(3), arrived}, table, out.decision);
  return out;
}

TEST(Overlay, RemoteDestinationGetsTheTunnelAndItsMtu) {
  const auto table = OverlayTable::build(two_nodes(), {{kThem, kTheirMac}});
  ASSERT_TRUE(table.ok()) << table.status();
  const Walk out = walk(*table, kNoTunnel, EndpointId(0), EndpointId(1), kNoPort);
  EXPECT_EQ(out.step, Step::next());
  EXPECT_EQ(out.decision.to.port, PortId(3));
  EXPECT_EQ(out.decision.to.tunnel, table->tunnel_to(EndpointId(1)));
  EXPECT_EQ(out.decision.mtu, 1450);
}

TEST(Overlay, ASmallerNetworkMtuHoldsForTheTunnel) {
  v1::Structure structure = two_nodes();
  for (const auto& [mtu, effective] : {std::pair{1400u, 1400}, std::pair{9000u, 1450}}) {
    structure.mutable_networks(0)->set_mtu(mtu);
    const auto table = OverlayTable::build(structure, {});
    EXPECT_EQ(table->tunnel(table->tunnel_to(EndpointId(1))).inner_mtu, effective);
  }
}

TEST(Overlay, UnresolvedNeighbourIsADropByName) {
  const auto table = OverlayTable::build(two_nodes(), {});
  const Walk out = walk(*table, kNoTunnel, EndpointId(0), EndpointId(1), kNoPort);
  EXPECT_EQ(out.step, Step::dropped(Drop::kOverlayNeighbourUnresolved));
  EXPECT_EQ(table->next_hops(), std::vector<IpAddress>{kThem});
}

TEST(Overlay, DestinationWithoutTunnelIsADropByName) {
  v1::Structure structure = two_nodes();
  structure.mutable_peers(0)->clear_underlay();
  const auto table = OverlayTable::build(structure, {});
  EXPECT_EQ(walk(*table, kNoTunnel, EndpointId(0), EndpointId(1), kNoPort).step,
            Step::dropped(Drop::kOverlayNoPeer));
}

TEST(Overlay, ASourceMustComeFromItsOwnNode) {
  v1::Structure structure = two_nodes();
  v1::Peer* other = structure.add_peers();
  other->set_id(6);
  other->add_underlay(IpAddress::parse("192.0.2.3")->bytes());
  const auto table = OverlayTable::build(structure, {});
  const TunnelId right = table->tunnel_to(EndpointId(1));
  const TunnelId wrong(static_cast<uint16_t>(right.value() == 1 ? 2 : 1));
  EXPECT_EQ(walk(*table, right, EndpointId(1), EndpointId(0), PortId(0)).step, Step::next());
  EXPECT_EQ(walk(*table, wrong, EndpointId(1), EndpointId(0), PortId(0)).step,
            Step::dropped(Drop::kTunnelSourceMismatch));
}

TEST(Overlay, ANodeOnItsWayMaySpeakThroughEitherOfItsTunnels) {
  v1::Structure structure = two_nodes();
  structure.mutable_peers(0)->set_enforces(true);
  v1::Peer* host = structure.add_peers();
  host->set_id(6);
  host->set_enforces(true);
  host->add_underlay(IpAddress::parse("192.0.2.3")->bytes());
  structure.mutable_peers(0)->set_also(6);
  const auto table = OverlayTable::build(structure, {});
  const TunnelId home = table->tunnel_to(EndpointId(1));
  const TunnelId other(static_cast<uint16_t>(home.value() == 1 ? 2 : 1));
  for (const TunnelId through : {home, other}) {
    const Walk out = walk(*table, through, EndpointId(1), EndpointId(0), PortId(0));
    EXPECT_EQ(out.step, Step::next());
    EXPECT_EQ(out.decision.from.tunnel, through);
  }
}

TEST(Overlay, ADpuNodeMayRelayForAPlainHost) {
  v1::Structure structure = two_nodes();
  v1::Peer* relay = structure.add_peers();
  relay->set_id(6);
  relay->add_underlay(IpAddress::parse("192.0.2.3")->bytes());
  for (const bool relay_enforces : {false, true}) {
    relay->set_enforces(relay_enforces);
    for (const bool home_enforces : {false, true}) {
      structure.mutable_peers(0)->set_enforces(home_enforces);
      const auto table = OverlayTable::build(structure, {});
      const TunnelId through(static_cast<uint16_t>(table->tunnel_to(EndpointId(1)).value() == 1 ? 2 : 1));
      const Walk out = walk(*table, through, EndpointId(1), EndpointId(0), PortId(0));
      const bool allowed = relay_enforces && !home_enforces;
      EXPECT_EQ(out.step, allowed ? Step::next() : Step::dropped(Drop::kTunnelSourceMismatch));
      EXPECT_EQ(out.decision.from.tunnel,
                allowed ? through : kNoTunnel);  // the answer goes back the same way
    }
  }
}

TEST(Overlay, AuthorisesPairsOfPeerAndNetworkOnly) {
  const auto table = OverlayTable::build(two_nodes(), {});
  engine::Actions actions;
  table->describe(actions);
  const uint32_t vxlan = static_cast<uint32_t>(packet::TunnelType::kVxlan);
  EXPECT_TRUE(actions.sources.contains({kThem, 100u << 8 | vxlan}));
  EXPECT_FALSE(actions.sources.contains({kThem, 101u << 8 | vxlan}));
  EXPECT_FALSE(actions.sources.contains({kUs, 100u << 8 | vxlan}));
  EXPECT_FALSE(
      actions.sources.contains({kThem, 100u << 8 | static_cast<uint32_t>(packet::TunnelType::kGeneve)}));
}

// The template, completed by hand as the engine does, is a tunnel packet to the parser.
TEST(Overlay, TemplateIsAValidTunnelHeader) {
  for (const bool ipv6 : {false, true}) {
    for (const bool geneve : {false, true}) {
      v1::Structure structure = two_nodes();
      const IpAddress us = ipv6 ? *IpAddress::parse("2001:db8::1") : kUs;
      const IpAddress them = ipv6 ? *IpAddress::parse("2001:db8::2") : kThem;
      structure.set_underlay(0, us.bytes());
      structure.mutable_peers(0)->set_underlay(0, them.bytes());
      if (geneve) structure.mutable_networks(0)->set_encapsulation(v1::ENCAPSULATION_GENEVE);
      const auto table = OverlayTable::build(structure, {{them, kTheirMac}});
      const engine::Tunnel& tunnel = table->tunnel(table->tunnel_to(EndpointId(1)));
      std::array<uint8_t, 256> frame{};
      std::copy_n(tunnel.header.begin(), tunnel.header_length, frame.begin());
      constexpr uint8_t kInner = 60;
      const size_t ip_header = ipv6 ? 40 : 20;
      uint8_t* const ip = frame.data() + 14;
      if (ipv6) ip[5] = 16 + kInner;
      if (!ipv6) ip[3] = 36 + kInner;
      ip[ip_header + 5] = 16 + kInner;
      if (!ipv6) {
        const auto checksum = static_cast<uint16_t>(~packet::fold(packet::sum({ip, 20})));
        std::copy_n(reinterpret_cast<const uint8_t*>(&checksum), 2, ip + 10);
      }
      const auto parsed = packet::parse_tunnel({frame.data(), size_t{tunnel.header_length} + kInner});
      EXPECT_EQ(parsed.drop, Drop::kNone) << info(parsed.drop).name;
      EXPECT_EQ(parsed.inner_offset, tunnel.header_length);
      EXPECT_EQ(parsed.vni, kBlue);
      EXPECT_EQ(parsed.source, us);
      EXPECT_EQ(parsed.destination, them);
      EXPECT_EQ(parsed.type, geneve ? packet::TunnelType::kGeneve : packet::TunnelType::kVxlan);
      EXPECT_EQ(tunnel.inner_mtu, ipv6 ? 1430 : 1450);
    }
  }
}

}  // namespace
}  // namespace outrigger::overlay
