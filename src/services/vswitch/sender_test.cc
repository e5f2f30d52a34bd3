// Whatever an endpoint may not claim: MAC, address, ARP, neighbours, routers, DHCP.
#include <gtest/gtest.h>

#include "services/vswitch/test_world.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Step;

struct Row {
  const char* name;
  PortId port;
  Bytes frame;
  Drop drop;  // kNone: not dropped
};

void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(info(decided(row.port, kNoTunnel, row.frame).step.drop).name, info(row.drop).name) << row.name;
  }
}

TEST(Sender, MacAndAddressMustBeItsOwn) {
  expect_rows({
      {"its own", kWebPort, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17"), Drop::kNone},
      {"unbound port", kUnboundPort, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17"), Drop::kPortUnbound},
      {"no such port", PortId{999}, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17"), Drop::kPortUnbound},
      {"another's MAC", kWebPort, udp(kCache, kDb, "10.1.0.11", "10.1.0.17"), Drop::kSpoofedMac},
      {"the gateway's MAC", kWebPort, udp(kCache, kGatewayMac, "10.1.0.11", "10.1.0.17"), Drop::kSpoofedMac},
      {"another's address", kWebPort, udp(kCache, kWeb, "10.1.1.12", "10.1.0.17"), Drop::kSpoofedAddress},
      {"nobody's address", kWebPort, udp(kCache, kWeb, "10.1.0.99", "10.1.0.17"), Drop::kSpoofedAddress},
      {"the gateway's address", kWebPort, udp(kCache, kWeb, "10.1.0.1", "10.1.0.17"), Drop::kSpoofedAddress},
      {"DHCP to one host", kWebPort, udp(kCache, kWeb, "0.0.0.0", "10.1.0.17", 64, 68, 67),
       Drop::kSpoofedAddress},
      {"behind its prefix", kRouterPort, udp(kWeb, kRouter, "172.16.1.1", "10.1.0.11"), Drop::kNone},
      {"another's inside its prefix", kRouterPort, udp(kWeb, kRouter, "10.1.0.17", "10.1.0.11"),
       Drop::kSpoofedAddress},
      {"the gateway's inside its prefix", kRouterPort, udp(kWeb, kRouter, "10.1.0.1", "10.1.0.11"),
       Drop::kSpoofedAddress},
      {"IPv6 past an IPv4 default", kRouterPort, udp(kWeb, kRouter, "fd00:9::1", "fd00:1::11"),
       Drop::kSpoofedAddress},
      {"its link-local", kWebPort, udp(kCache, kWeb, "fe80::ff:fe00:101", "fe80::ff:fe00:107"), Drop::kNone},
      {"another's link-local", kWebPort, udp(kCache, kWeb, "fe80::ff:fe00:102", "fe80::ff:fe00:107"),
       Drop::kSpoofedAddress},
      {"the gateway's link-local", kWebPort, udp(kCache, kWeb, "fe80::ff:fe00:fe", "fe80::ff:fe00:107"),
       Drop::kSpoofedAddress},
      {"link-local off the link", kWebPort, udp(kGatewayMac, kWeb, "fe80::ff:fe00:101", "fd00:2::12"),
       Drop::kSpoofedAddress},
  });
}

Bytes arp(uint16_t operation, const MacAddress& frame_mac, const MacAddress& sender_mac, const char* sender,
          const char* target) {
  return make([&](Builder& b) {
    b.ethernet(MacAddress::broadcast(), frame_mac).arp(operation, sender_mac, ip(sender), {}, ip(target));
  });
}

TEST(Sender, ArpSpeaksForItself) {
  expect_rows({
      {"its own", kWebPort, arp(1, kWeb, kWeb, "10.1.0.11", "10.1.0.17"), Drop::kNone},
      {"probe", kWebPort, arp(1, kWeb, kWeb, "0.0.0.0", "10.1.0.17"), Drop::kNone},
      {"behind its prefix", kRouterPort, arp(1, kRouter, kRouter, "172.16.0.1", "10.1.0.17"), Drop::kNone},
      {"another's frame MAC", kWebPort, arp(1, kDb, kWeb, "10.1.0.11", "10.1.0.17"), Drop::kSpoofedMac},
      {"another's MAC", kWebPort, arp(1, kWeb, kDb, "10.1.0.11", "10.1.0.17"), Drop::kSpoofedArp},
      {"another's address", kWebPort, arp(1, kWeb, kWeb, "10.1.0.17", "10.1.0.11"), Drop::kSpoofedArp},
      {"the gateway's address", kWebPort, arp(2, kWeb, kWeb, "10.1.0.1", "10.1.0.17"), Drop::kSpoofedArp},
      {"announcing the gateway", kWebPort, arp(1, kWeb, kWeb, "10.1.0.1", "10.1.0.1"), Drop::kSpoofedArp},
      {"reply without address", kWebPort, arp(2, kWeb, kWeb, "0.0.0.0", "10.1.0.17"), Drop::kSpoofedArp},
      {"reply", kWebPort, arp(2, kWeb, kWeb, "10.1.0.11", "10.1.0.17"), Drop::kNotAnswered},
  });
}

// An ND message: type, target, one link-layer option.
Bytes nd(uint8_t type, const char* source, const char* destination, const char* target, uint8_t option,
         const MacAddress& claimed) {
  return make([&](Builder& b) {
    const bool solicitation = type == 133;
    b.ethernet(MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, kWeb).ip(ip(source), ip(destination), 255).icmp(type, 0);
    if (type == 134) b.zeros(8);
    if (!solicitation && type != 134) {
      std::array<uint8_t, 16> wire{};
      ip(target).store_v6(wire.data());
      b.payload(wire);
      if (type == 137) b.payload(wire);
    }
    if (option == 0) return;
    std::array<uint8_t, 8> value{option, 1};
    claimed.store(&value[2]);
    b.payload(value);
  });
}

TEST(Sender, NeighbourDiscoverySpeaksForItself) {
  const char* own = "fe80::ff:fe00:101";
  expect_rows({
      {"solicitation", kWebPort, nd(135, own, "ff02::1:ff00:17", "fd00:1::17", 1, kWeb), Drop::kNone},
      {"probe", kWebPort, nd(135, "::", "ff02::1:ff00:17", "fd00:1::17", 0, {}), Drop::kNone},
      {"another's source", kWebPort, nd(135, "fd00:1::17", "ff02::1:ff00:1", "fd00:1::1", 1, kWeb),
       Drop::kSpoofedAddress},
      {"another's MAC", kWebPort, nd(135, own, "ff02::1:ff00:17", "fd00:1::17", 1, kDb), Drop::kSpoofedNd},
      {"advertises its own", kWebPort, nd(136, own, "ff02::1", "fd00:1::11", 2, kWeb), Drop::kNotAnswered},
      {"advertises another", kWebPort, nd(136, own, "ff02::1", "fd00:1::17", 2, kWeb), Drop::kSpoofedNd},
      {"advertises the gateway", kWebPort, nd(136, own, "ff02::1", "fd00:1::1", 2, kWeb), Drop::kSpoofedNd},
      {"advertises another's MAC", kWebPort, nd(136, own, "ff02::1", "fd00:1::11", 2, kDb), Drop::kSpoofedNd},
      {"asks for routers", kWebPort, nd(133, own, "ff02::2", "::", 1, kWeb), Drop::kNone},
      {"asks for routers with another's MAC", kWebPort, nd(133, own, "ff02::2", "::", 1, kDb),
       Drop::kSpoofedNd},
      {"router", kWebPort, nd(134, own, "ff02::1", "::", 1, kWeb), Drop::kSpoofedRouterAdvertisement},
      {"router by the gateway's name", kWebPort, nd(134, "fe80::ff:fe00:fe", "ff02::1", "::", 1, kWeb),
       Drop::kSpoofedRouterAdvertisement},
      {"redirect", kWebPort, nd(137, own, "fd00:1::17", "fd00:1::21", 2, kWeb),
       Drop::kSpoofedRouterAdvertisement},
  });
}

Bytes bootp(uint8_t operation, const MacAddress& client) {
  Bytes message(240);
  message[0] = operation;
  message[1] = 1;
  message[2] = 6;
  client.store(&message[28]);
  return make([&](Builder& b) {
    b.ethernet(MacAddress::broadcast(), kWeb)
        .ip(ip("0.0.0.0"), ip("255.255.255.255"))
        .udp(68, 67)
        .payload(message);
  });
}

TEST(Sender, DhcpIsForClientsAndForThemselves) {
  expect_rows({
      {"client", kWebPort, bootp(1, kWeb), Drop::kNone},
      {"for another", kWebPort, bootp(1, kDb), Drop::kSpoofedDhcp},
      {"reply from the client's port", kWebPort, bootp(2, kWeb), Drop::kSpoofedDhcp},
      {"server", kWebPort, udp(kCache, kWeb, "10.1.0.11", "10.1.0.17", 64, 67, 68), Drop::kSpoofedDhcp},
      {"DHCPv6 server", kWebPort, udp(kCache, kWeb, "fe80::ff:fe00:101", "fe80::ff:fe00:107", 64, 547, 546),
       Drop::kSpoofedDhcp},
  });
}

}  // namespace
}  // namespace outrigger::vswitch::test
