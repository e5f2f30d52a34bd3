// ARP, neighbour and router discovery, echo: what is answered, and that the answers are right to the byte
// that matters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/vswitch/test_world.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Step;
using testing::ElementsAreArray;

Bytes arp(const MacAddress& from, const char* sender, const char* target,
          const MacAddress& to = MacAddress::broadcast()) {
  return make([&](Builder& b) { b.ethernet(to, from).arp(1, from, ip(sender), {}, ip(target)); });
}

// The MAC an ARP request is answered with; zero: not answered.
MacAddress arp_answer(PortId port, TunnelId tunnel, const Bytes& request) {
  const Answer answer = answered(port, tunnel, request);
  const Step step = decided(port, tunnel, request).step;
  EXPECT_EQ(step.kind == Step::Kind::kRespond, !answer.frame.empty());
  if (answer.frame.empty()) return {};
  EXPECT_EQ(answer.info.kind, packet::Kind::kArp);
  const uint8_t* at = &answer.frame[14];
  EXPECT_EQ(load_be16(at + 6), 2);
  EXPECT_EQ(MacAddress::load(&answer.frame[0]), MacAddress::load(&request[6]));
  EXPECT_EQ(MacAddress::load(&answer.frame[6]), MacAddress::load(at + 8));
  EXPECT_EQ(IpAddress::load_v4(at + 14), IpAddress::load_v4(&request[38]));
  EXPECT_EQ(MacAddress::load(at + 18), MacAddress::load(&request[22]));
  EXPECT_EQ(IpAddress::load_v4(at + 24), IpAddress::load_v4(&request[28]));
  return MacAddress::load(at + 8);
}

TEST(Arp, IsAnsweredForEveryOwner) {
  struct {
    const char* name;
    PortId port;
    TunnelId tunnel;
    Bytes request;
    MacAddress mac;
  } const rows[] = {
      {"local", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.17"), kCache},
      {"local, asked directly", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.17", kCache), kCache},
      {"remote", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.21"), kFar},
      {"other subnet", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.1.12"), kDb},
      {"gateway", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.1"), kGatewayMac},
      {"behind a prefix", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "172.16.0.9"), kGatewayMac},
      {"probe of a taken address", kWebPort, kNoTunnel, arp(kWeb, "0.0.0.0", "10.1.0.17"), kCache},
      {"probe behind a prefix", kWebPort, kNoTunnel, arp(kWeb, "0.0.0.0", "172.16.0.9"), {}},
      {"nobody", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.99"), {}},
      {"broadcast", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "255.255.255.255"), {}},
      {"itself", kWebPort, kNoTunnel, arp(kWeb, "0.0.0.0", "10.1.0.11"), {}},
      {"announcement", kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.11"), {}},
      {"other network", kRedPort, kNoTunnel, arp(kRed1, "10.1.0.11", "10.1.0.17"), {}},
      {"tunnel, local", kUplink, kFromPlain, arp(kPlain, "10.1.0.31", "10.1.0.11"), kWeb},
      {"tunnel, gateway", kUplink, kFromPlain, arp(kPlain, "10.1.0.31", "10.1.0.1"), kGatewayMac},
      {"tunnel, remote", kUplink, kFromPlain, arp(kPlain, "10.1.0.31", "10.1.0.21"), {}},
      {"tunnel, probe", kUplink, kFromPlain, arp(kPlain, "0.0.0.0", "10.1.0.11"), kWeb},
  };
  for (const auto& row : rows) EXPECT_EQ(arp_answer(row.port, row.tunnel, row.request), row.mac) << row.name;
}

TEST(Arp, UnansweredHasAName) {
  EXPECT_EQ(decided(kWebPort, kNoTunnel, arp(kWeb, "10.1.0.11", "10.1.0.99")).step.drop, Drop::kNotAnswered);
  EXPECT_EQ(decided(kUplink, kFromPlain, arp(kWeb, "10.1.0.11", "10.1.0.17")).step.drop,
            Drop::kTunnelSourceMismatch);
}

Bytes solicit(const MacAddress& from, const char* source, const char* target) {
  std::array<uint8_t, 24> rest{};
  ip(target).store_v6(rest.data());
  rest[16] = 1;
  rest[17] = 1;
  from.store(&rest[18]);
  const bool probe = ip(source).is_zero();
  IpAddress node{0xff02ULL << 48, 0x1ff000000 | (ip(target).lo & 0xffffff)};
  return make([&](Builder& b) {
    b.ethernet(MacAddress{{0x33, 0x33, 0xff, 0, 0, 1}}, from)
        .ip(ip(source), node, 255)
        .icmp(135, 0)
        .payload(std::span(rest).first(probe ? 16 : 24));
  });
}

TEST(Neighbour, IsAnsweredForEveryOwner) {
  constexpr uint32_t kRouterFlag = 0x80000000, kSolicited = 0x40000000, kOverride = 0x20000000;
  struct {
    const char* name;
    PortId port;
    TunnelId tunnel;
    Bytes request;
    MacAddress mac;
    uint32_t flags;
    const char* source;
    const char* destination;
  } const rows[] = {
      {"local", kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "fd00:1::17"), kCache,
       kSolicited | kOverride, "fd00:1::17", "fd00:1::11"},
      {"remote", kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "fd00:2::22"), kFarDb,
       kSolicited | kOverride, "fd00:2::22", "fd00:1::11"},
      {"link-local", kWebPort, kNoTunnel, solicit(kWeb, "fe80::1", "fe80::ff:fe00:107"), kCache,
       kSolicited | kOverride, "fe80::ff:fe00:107", "fe80::1"},
      {"gateway", kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "fd00:1::1"), kGatewayMac,
       kRouterFlag | kSolicited | kOverride, "fd00:1::1", "fd00:1::11"},
      {"gateway's link-local", kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "fe80::ff:fe00:fe"),
       kGatewayMac, kRouterFlag | kSolicited | kOverride, "fe80::ff:fe00:fe", "fd00:1::11"},
      {"behind a prefix", kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "2001:db8:5::1"), kGatewayMac,
       kRouterFlag | kSolicited | kOverride, "fe80::ff:fe00:fe", "fd00:1::11"},
      {"probe of a taken address", kWebPort, kNoTunnel, solicit(kWeb, "::", "fd00:1::17"), kCache, kOverride,
       "fd00:1::17", "ff02::1"},
      {"tunnel, local", kUplink, kFromPlain, solicit(kPlain, "fd00:1::31", "fd00:1::11"), kWeb,
       kSolicited | kOverride, "fd00:1::11", "fd00:1::31"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(decided(row.port, row.tunnel, row.request).step, Step::respond()) << row.name;
    const Answer answer = answered(row.port, row.tunnel, row.request);
    ASSERT_EQ(answer.info.kind, packet::Kind::kNeighbour) << row.name;
    const auto message = answer.l4();
    EXPECT_EQ(message[0], 136) << row.name;
    EXPECT_EQ(load_be32(&message[4]), row.flags) << row.name;
    EXPECT_EQ(IpAddress::load_v6(&message[8]), IpAddress::load_v6(&row.request[62])) << row.name;
    EXPECT_EQ(message[24], 2) << row.name;
    EXPECT_EQ(MacAddress::load(&message[26]), row.mac) << row.name;
    EXPECT_EQ(answer.info.source(), ip(row.source)) << row.name;
    EXPECT_EQ(answer.info.destination(), ip(row.destination)) << row.name;
    const bool probe = ip(row.destination).is_multicast();
    EXPECT_EQ(MacAddress::load(&answer.frame[0]), probe ? kAllNodesMac : MacAddress::load(&row.request[6]));
  }
}

TEST(Neighbour, IsNotAnsweredForNobodyNorItself) {
  const auto silent = Step::dropped(Drop::kNotAnswered);
  EXPECT_EQ(decided(kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "fd00:1::99")).step, silent);
  EXPECT_EQ(decided(kWebPort, kNoTunnel, solicit(kWeb, "::", "fd00:1::11")).step, silent);
  EXPECT_EQ(decided(kWebPort, kNoTunnel, solicit(kWeb, "fe80::1", "fe80::99")).step, silent);
  EXPECT_EQ(decided(kUplink, kFromPlain, solicit(kPlain, "fd00:1::31", "fd00:1::21")).step, silent);
  EXPECT_TRUE(answered(kWebPort, kNoTunnel, solicit(kWeb, "fd00:1::11", "fd00:1::99")).frame.empty());
}

Bytes router_solicitation(PortId port, const char* source) {
  const MacAddress from = port == kRedPort ? kRed1 : kWeb;
  return make([&](Builder& b) {
    b.ethernet(MacAddress{{0x33, 0x33, 0, 0, 0, 2}}, from).ip(ip(source), ip("ff02::2"), 255).icmp(133, 0);
  });
}

// RFC 4861 §4.2 and RFC 8106 §5.1, option by option.
TEST(RouterAdvertisement, SaysWhatTheNetworkIs) {
  const Bytes request = router_solicitation(kWebPort, "fe80::ff:fe00:101");
  EXPECT_EQ(decided(kWebPort, kNoTunnel, request).step, Step::respond());
  const Answer answer = answered(kWebPort, kNoTunnel, request);
  ASSERT_EQ(answer.info.kind, packet::Kind::kNeighbour);
  EXPECT_EQ(answer.info.source(), ip("fe80::ff:fe00:fe"));
  EXPECT_EQ(answer.info.destination(), ip("fe80::ff:fe00:101"));
  EXPECT_EQ(answer.info.ttl, 255);
  Bytes expected = {134, 0, 0, 0, 64, 0xc0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
  const auto add = [&](std::initializer_list<uint8_t> more) { expected.insert(expected.end(), more); };
  const auto add_ip = [&](const char* address) {
    const std::string wire = ip(address).bytes();
    expected.insert(expected.end(), wire.begin(), wire.end());
  };
  add({1, 1, 2, 0, 0, 0, 0, 0xfe});
  add({5, 1, 0, 0, 0, 0, 0x05, 0xaa});
  for (const char* prefix : {"fd00:1::", "fd00:2::"}) {
    add({3, 4, 64, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0});
    add_ip(prefix);
  }
  add({25, 3, 0, 0, 0xff, 0xff, 0xff, 0xff});
  add_ip("fd00:1::53");
  Bytes message(answer.l4().begin(), answer.l4().end());
  message[2] = message[3] = 0;  // the checksum, which the parser has checked
  EXPECT_THAT(message, ElementsAreArray(expected));
}

TEST(RouterAdvertisement, ToAllNodesWhenTheAskerHasNoAddress) {
  const Answer answer = answered(kWebPort, kNoTunnel, router_solicitation(kWebPort, "::"));
  EXPECT_EQ(answer.info.destination(), ip("ff02::1"));
  EXPECT_EQ(MacAddress::load(answer.frame.data()), kAllNodesMac);
}

TEST(RouterAdvertisement, NotInANetworkWithoutIpv6) {
  EXPECT_EQ(decided(kRedPort, kNoTunnel, router_solicitation(kRedPort, "fe80::9")).step,
            Step::dropped(Drop::kNotAnswered));
}

Bytes ping(const MacAddress& to, const MacAddress& from, const char* source, const char* destination) {
  const bool v4 = ip(source).is_v4();
  const Bytes text = {'o', 'a', 'r', 's', '!'};
  return make([&](Builder& b) {
    b.ethernet(to, from).ip(ip(source), ip(destination)).icmp(v4 ? 8 : 128, 0, 0x12340007).payload(text);
  });
}

void expect_pong(PortId port, TunnelId tunnel, const Bytes& request, const MacAddress& from) {
  EXPECT_EQ(decided(port, tunnel, request).step, Step::respond());
  const Arrival asked(port, tunnel, request, vni_of(port, tunnel));
  const Answer answer = answered(port, tunnel, request);
  ASSERT_EQ(answer.info.kind, packet::Kind::kFlow);
  EXPECT_EQ(answer.info.icmp_type, asked.info.ipv6 ? 129 : 0);
  EXPECT_EQ(answer.info.source(), asked.info.destination());
  EXPECT_EQ(answer.info.destination(), asked.info.source());
  EXPECT_EQ(MacAddress::load(&answer.frame[0]), MacAddress::load(&request[6]));
  EXPECT_EQ(MacAddress::load(&answer.frame[6]), from);
  EXPECT_EQ(load_be32(&answer.l4()[4]), 0x12340007u);
  EXPECT_THAT(answer.l4().subspan(8), ElementsAreArray(std::string("oars!")));
}

TEST(Echo, TheGatewayAnswers) {
  expect_pong(kWebPort, kNoTunnel, ping(kGatewayMac, kWeb, "10.1.0.11", "10.1.0.1"), kGatewayMac);
  expect_pong(kWebPort, kNoTunnel, ping(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.1"), kGatewayMac);
  expect_pong(kWebPort, kNoTunnel, ping(kGatewayMac, kWeb, "fd00:1::11", "fd00:1::1"), kGatewayMac);
  expect_pong(kWebPort, kNoTunnel, ping(kGatewayMac, kWeb, "fe80::ff:fe00:101", "fe80::ff:fe00:fe"),
              kGatewayMac);
  expect_pong(kUplink, kFromPlain, ping(kGatewayMac, kPlain, "10.1.0.31", "10.1.0.1"), kGatewayMac);
}

TEST(Echo, NotForAPieceOfARequest) {
  const Bytes piece = make([](Builder& b) {
    b.ethernet(kGatewayMac, kWeb)
        .ip(ip("10.1.0.11"), ip("10.1.0.1"))
        .fragment(1, 0, true)
        .icmp(8, 0)
        .zeros(64);
  });
  EXPECT_EQ(decided(kWebPort, kNoTunnel, piece).step, Step::dropped(Drop::kNotAnswered));
  EXPECT_TRUE(answered(kWebPort, kNoTunnel, piece).frame.empty());
}

TEST(Underlay, OnlyItsOwnAddressesAreResolvedAndPinged) {
  const auto not_ours = Step::dropped(Drop::kTunnelNotForUs);
  EXPECT_EQ(arp_answer(kUplink, kNoTunnel, arp(kFabricMac, "192.0.2.9", "192.0.2.1")), kUnderlayMac);
  EXPECT_EQ(decided(kUplink, kNoTunnel, arp(kFabricMac, "192.0.2.9", "192.0.2.2")).step, not_ours);
  const Bytes request = solicit(kFabricMac, "2001:db8::9", "2001:db8::1");
  EXPECT_EQ(decided(kUplink, kNoTunnel, request).step, Step::respond());
  const Answer answer = answered(kUplink, kNoTunnel, request);
  ASSERT_EQ(answer.info.kind, packet::Kind::kNeighbour);
  EXPECT_EQ(load_be32(&answer.l4()[4]), 0x60000000u);  // not a router
  EXPECT_EQ(MacAddress::load(&answer.l4()[26]), kUnderlayMac);
  EXPECT_EQ(decided(kUplink, kNoTunnel, solicit(kFabricMac, "2001:db8::9", "2001:db8::2")).step, not_ours);
  expect_pong(kUplink, kNoTunnel, ping(kUnderlayMac, kFabricMac, "192.0.2.9", "192.0.2.1"), kUnderlayMac);
  expect_pong(kUplink, kNoTunnel, ping(kUnderlayMac, kFabricMac, "2001:db8::9", "2001:db8::1"), kUnderlayMac);
  EXPECT_EQ(decided(kUplink, kNoTunnel, ping(kUnderlayMac, kFabricMac, "192.0.2.9", "10.1.0.1")).step,
            not_ours);
  EXPECT_EQ(decided(kUplink, kNoTunnel, udp(kUnderlayMac, kFabricMac, "192.0.2.9", "192.0.2.1")).step,
            not_ours);
}

}  // namespace
}  // namespace outrigger::vswitch::test
