#include <gtest/gtest.h>

#include "services/vswitch/test_world.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Decision;
using engine::End;
using engine::Step;

struct Row {
  const char* name;
  PortId port;
  TunnelId tunnel;
  Bytes frame;
  Step step;
};

void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const Step step = decided(row.port, row.tunnel, row.frame).step;
    EXPECT_EQ(step.kind, row.step.kind) << row.name;
    EXPECT_EQ(info(step.drop).name, info(row.step.drop).name) << row.name;
    EXPECT_EQ(step.error, row.step.error) << row.name;
  }
}

Step refused(Drop drop, Step::Error error) { return Step::refused(drop, error); }

TEST(Decide, WhereAPacketGoes) {
  const auto host = refused(Drop::kDestinationUnknown, Step::Error::kHostUnreachable);
  const auto bytes_to = [](const MacAddress& to, const char* destination) {
    return udp(to, kWeb, "10.1.0.11", destination);
  };
  expect_rows({
      {"bridged", kWebPort, kNoTunnel, bytes_to(kCache, "10.1.0.17"), Step::next()},
      {"bridged to a remote one", kWebPort, kNoTunnel, bytes_to(kFar, "10.1.0.21"), Step::next()},
      {"routed", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "10.1.1.12"), Step::next()},
      {"routed inside a subnet", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "10.1.0.17"), Step::next()},
      {"routed behind a prefix", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "172.16.9.9"), Step::next()},
      {"routed by the default prefix", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "8.8.8.8"), Step::next()},
      {"on-link is not behind the default", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "10.1.0.99"), host},
      {"bridged behind a prefix", kWebPort, kNoTunnel, bytes_to(kRouter, "172.16.9.9"), Step::next()},
      {"outside all subnets", kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "fd00:1::11", "fd00:9::1"),
       refused(Drop::kDestinationUnknown, Step::Error::kNoRoute)},
      {"another's address at a MAC", kWebPort, kNoTunnel, bytes_to(kCache, "10.1.1.12"),
       Step::dropped(Drop::kDestinationUnknown)},
      {"nobody's address at a MAC", kWebPort, kNoTunnel, bytes_to(kCache, "10.1.0.99"),
       Step::dropped(Drop::kDestinationUnknown)},
      {"unknown MAC", kWebPort, kNoTunnel, bytes_to(mac(99), "10.1.0.99"),
       Step::dropped(Drop::kDestinationUnknown)},
      {"other network's address", kRedPort, kNoTunnel, udp(kGatewayMac, kRed1, "10.1.0.11", "10.1.0.17"),
       host},
      {"to itself", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "10.1.0.11"),
       Step::dropped(Drop::kDestinationIsSource)},
      {"last hop", kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12", 1),
       refused(Drop::kTtlExceeded, Step::Error::kTimeExceeded)},
      {"last hop bridged", kWebPort, kNoTunnel, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17", 1), Step::next()},
      {"link-local bridged", kWebPort, kNoTunnel, udp(kCache, kWeb, "fe80::ff:fe00:101", "fe80::ff:fe00:107"),
       Step::next()},
      {"link-local of a host's making", kWebPort, kNoTunnel, udp(kCache, kWeb, "fe80::1234", "fe80::5678"),
       Step::next()},
      {"link-local routed", kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "fe80::1234", "fe80::5678"),
       Step::dropped(Drop::kDestinationUnknown)},
      {"multicast at the gateway", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "224.0.0.5"),
       Step::dropped(Drop::kMulticastSuppressed)},
      {"gateway port", kWebPort, kNoTunnel, bytes_to(kGatewayMac, "10.1.0.1"),
       refused(Drop::kDestinationUnknown, Step::Error::kPortUnreachable)},
      {"malformed", kWebPort, kNoTunnel, Bytes(10), Step::dropped(Drop::kFrameTooShort)},
  });
}

TEST(Decide, ThroughATunnel) {
  expect_rows({
      {"to a local one", kUplink, kFromDpu, udp(kWeb, kFar, "10.1.0.21", "10.1.0.11"), Step::next()},
      {"routed there already", kUplink, kFromDpu, udp(kWeb, kGatewayMac, "10.1.1.22", "10.1.0.11"),
       Step::next()},
      {"plain host's router", kUplink, kFromPlain, udp(kGatewayMac, kPlain, "10.1.0.31", "10.1.1.12"),
       Step::next()},
      {"transit as the router", kUplink, kFromPlain, udp(kGatewayMac, kPlain, "10.1.0.31", "10.1.1.22"),
       Step::next()},
      {"transit bridged", kUplink, kFromPlain, udp(kFar, kPlain, "10.1.0.31", "10.1.0.21"),
       Step::dropped(Drop::kDestinationUnknown)},
      {"back to its peer", kUplink, kFromPlain, udp(kGatewayMac, kPlain, "10.1.0.31", "10.1.1.32"),
       Step::dropped(Drop::kDestinationIsSource)},
      {"a local one's address", kUplink, kFromDpu, udp(kWeb, kCache, "10.1.0.17", "10.1.0.11"),
       Step::dropped(Drop::kTunnelSourceMismatch)},
      {"nobody's address", kUplink, kFromDpu, udp(kWeb, kFar, "10.1.0.99", "10.1.0.11"),
       Step::dropped(Drop::kTunnelSourceMismatch)},
      {"a tunnel to us inside", kUplink, kFromDpu, udp(kWeb, kFar, "192.0.2.2", "192.0.2.1", 64, 50000, 4789),
       Step::dropped(Drop::kTunnelNested)},
      {"geneve to us inside", kUplink, kFromDpu,
       udp(kWeb, kFar, "2001:db8::2", "2001:db8::1", 64, 50000, 6081), Step::dropped(Drop::kTunnelNested)},
      {"a guest's own tunnel", kUplink, kFromDpu, udp(kWeb, kFar, "10.1.0.21", "10.1.0.11", 64, 50000, 4789),
       Step::next()},
      {"the gateway's address", kUplink, kFromDpu, udp(kWeb, kGatewayMac, "10.1.0.1", "10.1.0.11"),
       Step::dropped(Drop::kTunnelSourceMismatch)},
      {"link-local by MAC", kUplink, kFromPlain, udp(kWeb, kPlain, "fe80::77", "fe80::ff:fe00:101"),
       Step::next()},
  });
}

TEST(Decide, GroupsAreSuppressedOrReplicated) {
  const MacAddress all = MacAddress::broadcast();
  const MacAddress group{{1, 0, 0x5e, 0, 0, 0xfb}};
  const auto suppressed = Step::dropped(Drop::kMulticastSuppressed);
  expect_rows({
      {"broadcast", kWebPort, kNoTunnel, udp(all, kWeb, "10.1.0.11", "255.255.255.255"), suppressed},
      {"multicast", kWebPort, kNoTunnel, udp(group, kWeb, "10.1.0.11", "224.0.0.251"), suppressed},
      {"replicated", kRedPort, kNoTunnel, udp(all, kRed1, "10.1.0.11", "255.255.255.255"), Step::replicate()},
      {"subnet broadcast", kRedPort, kNoTunnel, udp(all, kRed1, "10.1.0.11", "10.1.0.255"),
       Step::replicate()},
      {"multicast replicated", kRedPort, kNoTunnel, udp(group, kRed1, "10.1.0.11", "224.0.0.251"),
       Step::replicate()},
      {"from a tunnel", kUplink, kRedTunnel, udp(all, mac(41), "10.1.0.41", "10.1.0.255"), Step::replicate()},
      {"unicast in a group frame", kRedPort, kNoTunnel, udp(all, kRed1, "10.1.0.11", "10.1.0.12"),
       suppressed},
      {"spoofed", kRedPort, kNoTunnel, udp(all, kRed1, "10.1.0.12", "255.255.255.255"),
       Step::dropped(Drop::kSpoofedAddress)},
  });
}

TEST(Decide, EndsOfARoutedFlow) {
  const Verdict v = decided(kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12"));
  EXPECT_EQ(v.decision.from, (End{.port = kWebPort, .endpoint = kWebId.value(), .routed = 1}));
  EXPECT_EQ(v.decision.to, (End{.port = kDbPort, .endpoint = kDbId.value(), .routed = 1}));
  EXPECT_EQ(v.decision.source, kWebId);
  EXPECT_EQ(v.decision.destination, kDbId);
  EXPECT_TRUE(v.decision.source_own);
  EXPECT_TRUE(v.decision.destination_own);
  EXPECT_EQ(v.decision.charged, kWebPort);
  EXPECT_EQ(v.decision.mtu, 1450);
  EXPECT_TRUE(v.decision.reject);
}

// Each direction is routed once: by the first dpu node that sees it.
TEST(Decide, WhoRoutesTheReply) {
  struct {
    const char* name;
    PortId port;
    TunnelId tunnel;
    Bytes frame;
    unsigned to, from;
  } const rows[] = {
      {"bridged", kWebPort, kNoTunnel, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17"), 0, 0},
      {"to a dpu, which routes back", kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.22"),
       1, 0},
      {"from a dpu, routed there", kUplink, kFromDpu, udp(kWeb, kGatewayMac, "10.1.1.22", "10.1.0.11"), 0, 1},
      {"from a dpu, bridged", kUplink, kFromDpu, udp(kWeb, kFar, "10.1.0.21", "10.1.0.11"), 0, 0},
      {"to a plain host", kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.32"), 1, 1},
      {"from a plain host", kUplink, kFromPlain, udp(kGatewayMac, kPlain, "10.1.0.31", "10.1.1.12"), 1, 1},
      {"bridged between subnets", kWebPort, kNoTunnel, udp(kDb, kWeb, "10.1.0.11", "10.1.1.12"), 0, 1},
  };
  for (const auto& row : rows) {
    const Verdict v = decided(row.port, row.tunnel, row.frame);
    EXPECT_EQ(v.step, Step::next()) << row.name;
    EXPECT_EQ(v.decision.to.routed, row.to) << row.name;
    EXPECT_EQ(v.decision.from.routed, row.from) << row.name;
  }
}

TEST(Decide, RemoteEndsAreLeftToTheOverlay) {
  const Verdict out = decided(kWebPort, kNoTunnel, udp(kFar, kWeb, "10.1.0.11", "10.1.0.21"));
  EXPECT_EQ(out.decision.to, (End{.endpoint = kFarId.value()}));
  EXPECT_EQ(out.decision.charged, kWebPort);
  const Verdict in = decided(kUplink, kFromDpu, udp(kWeb, kFar, "10.1.0.21", "10.1.0.11"));
  EXPECT_EQ(in.decision.from, (End{.port = kUplink, .tunnel = kFromDpu, .endpoint = kFarId.value()}));
  EXPECT_EQ(in.decision.charged, kWebPort);
}

TEST(Decide, AddressesBehindAnEndpointAreNotItsOwn) {
  const Verdict to = decided(kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, "10.1.0.11", "172.16.9.9"));
  EXPECT_EQ(to.decision.destination, kRouterId);
  EXPECT_FALSE(to.decision.destination_own);
  const Verdict from = decided(kRouterPort, kNoTunnel, udp(kWeb, kRouter, "172.16.9.9", "10.1.0.11"));
  EXPECT_EQ(from.step, Step::next());
  EXPECT_EQ(from.decision.source, kRouterId);
  EXPECT_FALSE(from.decision.source_own);
}

TEST(Decide, NetworksDoNotMeet) {
  const Verdict v = decided(kRedPort, kNoTunnel, udp(kRed2, kRed1, "10.1.0.11", "10.1.0.12"));
  EXPECT_EQ(v.step, Step::next());
  EXPECT_EQ(v.decision.source, kRed1Id);
  EXPECT_EQ(v.decision.destination, kRed2Id);
}

// An ICMP error about web's packet to db, sent by `from`.
Bytes error_about(const MacAddress& to, const MacAddress& from, const char* sender, const char* inner_source,
                  const char* inner_destination) {
  const Bytes inner = udp(kGatewayMac, kWeb, inner_source, inner_destination);
  return make([&](Builder& b) {
    b.ethernet(to, from).ip(ip(sender), ip(inner_source)).icmp(3, 3).payload(std::span(inner).subspan(14));
  });
}

TEST(Decide, IcmpErrorsByTheirOuterSource) {
  const auto spoofed = Step::dropped(Drop::kSpoofedAddress);
  expect_rows({
      {"from the destination", kDbPort, kNoTunnel,
       error_about(kGatewayMac, kDb, "10.1.1.12", "10.1.0.11", "10.1.1.12"), Step::next()},
      {"spoofed", kDbPort, kNoTunnel, error_about(kGatewayMac, kDb, "10.1.0.17", "10.1.0.11", "10.1.1.12"),
       spoofed},
      {"from another node's gateway", kUplink, kFromDpu,
       error_about(kWeb, kGatewayMac, "10.1.0.1", "10.1.0.11", "10.1.1.22"), Step::next()},
      {"the gateway's name taken", kDbPort, kNoTunnel,
       error_about(kGatewayMac, kDb, "10.1.0.1", "10.1.0.11", "10.1.1.12"), spoofed},
      {"about a packet of the gateway", kWebPort, kNoTunnel,
       error_about(kGatewayMac, kWeb, "10.1.0.11", "10.1.0.1", "10.1.0.11"),
       Step::dropped(Drop::kNotAnswered)},
  });
  const Verdict v =
      decided(kDbPort, kNoTunnel, error_about(kGatewayMac, kDb, "10.1.1.12", "10.1.0.11", "10.1.1.12"));
  EXPECT_EQ(v.decision.to.port, kWebPort);
  EXPECT_EQ(v.decision.destination, kWebId);
}

TEST(Decide, LaterFragmentsGoWhereTheFirstWent) {
  const Bytes fragment = make([](Builder& b) {
    b.ethernet(kGatewayMac, kWeb)
        .ip(ip("10.1.0.11"), ip("10.1.1.12"))
        .fragment(7, 1480, false)
        .protocol(17)
        .zeros(64);
  });
  const Verdict v = decided(kWebPort, kNoTunnel, fragment);
  EXPECT_EQ(v.step, Step::next());
  EXPECT_EQ(v.decision.to.port, kDbPort);
}

std::vector<PortId> receivers_of(PortId port, TunnelId tunnel, const Bytes& frame) {
  const Arrival arrival(port, tunnel, frame, vni_of(port, tunnel));
  std::array<End, 16> ends;
  const size_t count = receivers(arrival.packet, table(), ends);
  std::vector<PortId> ports;
  for (size_t i = 0; i < count; ++i) ports.push_back(ends[i].port);
  return ports;
}

TEST(Receivers, AreTheOtherLocalEndpointsOfTheNetwork) {
  const MacAddress all = MacAddress::broadcast();
  EXPECT_EQ(receivers_of(kRedPort, kNoTunnel, udp(all, kRed1, "10.1.0.11", "10.1.0.255")),
            (std::vector<PortId>{kRed2Port}));
  EXPECT_EQ(receivers_of(kUplink, kRedTunnel, udp(all, mac(41), "10.1.0.41", "10.1.0.255")),
            (std::vector<PortId>{kRedPort, kRed2Port}));
  EXPECT_TRUE(receivers_of(kUnboundPort, kNoTunnel, udp(all, kRed1, "10.1.0.11", "10.1.0.255")).empty());
}

}  // namespace
}  // namespace outrigger::vswitch::test
