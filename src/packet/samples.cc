#include "packet/samples.h"

namespace outrigger::packet::samples {
namespace {

std::vector<Sample> ipv4_samples() {
  return {
      {"tcp", tcp()},
      {"udp", udp()},
      {"sctp", build([](Builder& b) { v4(b).sctp(5000, 36412, 7).zeros(16); })},
      {"icmp_echo", build([](Builder& b) { v4(b).icmp(kEchoRequest, 0, 0x1234'0001).zeros(32); })},
      {"icmp_timestamp", build([](Builder& b) { v4(b).icmp(13, 0, 1).zeros(12); })},
      {"icmp_unreachable", build([](Builder& b) {
         v4(b).icmp(3, 1).payload(inner(
             build([](Builder& i) { i.ethernet(kMac2, kMac1).ip(kHost2, kRouter).udp(53, 40000).zeros(8); }),
             28));
       })},
      {"gre", build([](Builder& b) { v4(b).protocol(47).zeros(8); })},
      {"options", with_ipv4_options(tcp(), {148, 4, 0, 0, 1, 1, 1, 0})},
      {"first_fragment", build([](Builder& b) { v4(b).fragment(99, 0, true).udp(40000, 53).zeros(24); })},
      {"later_fragment", build([](Builder& b) { v4(b).fragment(99, 32, false).protocol(kUdp).zeros(9); })},
      {"arp", build([](Builder& b) {
         b.ethernet(MacAddress::broadcast(), kMac1).arp(1, kMac1, kHost1, {}, kHost2);
       })},
      {"dhcp", build([](Builder& b) {
         b.ethernet(MacAddress::broadcast(), kMac1)
             .ip(kZero, IpAddress::v4(0xffffffff))
             .udp(68, 67)
             .zeros(300);
       })},
  };
}

std::vector<Sample> ipv6_samples() {
  return {
      {"tcp6", tcp_v6()},
      {"udp6", udp_v6()},
      {"sctp6", build([](Builder& b) { v6(b).sctp(5000, 36412, 7).zeros(16); })},
      {"icmp6_echo", build([](Builder& b) { v6(b).icmp(kEchoRequestV6, 0, 0x1234'0001).zeros(32); })},
      {"icmp6_too_big", build([](Builder& b) {
         v6(b)
             .icmp(2, 0, 1280)
             .payload(inner(build([](Builder& i) {
                              i.ethernet(kMac2, kMac1).ip(kHost2V6, kLinkV6).tcp(53, 40000, kAck);
                            }),
                            48));
       })},
      {"hop_by_hop", with_extension(with_extension(tcp_v6(), kDestinationOptions, {0, 0, 1, 4, 0, 0, 0, 0}),
                                    kHopByHop, {0, 0, 5, 2, 0, 0, 1, 0})},
      {"routing_done", with_extension(udp_v6(), kRouting, {0, 0, 4, 0, 0, 0, 0, 0})},
      {"first_fragment6", build([](Builder& b) { v6(b).fragment(77, 0, true).udp(40000, 53).zeros(24); })},
      {"later_fragment6", build([](Builder& b) { v6(b).fragment(77, 32, false).protocol(kUdp).zeros(9); })},
      {"atomic_fragment6", build([](Builder& b) { v6(b).fragment(77, 0, false).udp(40000, 53).zeros(3); })},
      {"no_next", build([](Builder& b) { v6(b).protocol(59); })},
  };
}

std::vector<Sample> neighbour_samples() {
  const IpAddress solicited{0xff02'0000'0000'0000, 0x1'ff00'0002};
  return {
      {"nd_router_solicitation", neighbour(kRouterSolicitation, kLinkV6, kAllNodes, kSourceLinkOption)},
      {"nd_router_advertisement", neighbour(kRouterAdvertisement, kLinkV6, kAllNodes, Frame(8), 0x4000'0708)},
      {"nd_solicitation",
       neighbour(kNeighbourSolicitation, kHost1V6, solicited, bytes_of(kHost2V6, kSourceLinkOption))},
      {"nd_duplicate_check", neighbour(kNeighbourSolicitation, {}, solicited, bytes_of(kHost2V6))},
      {"nd_advertisement",
       neighbour(kNeighbourAdvertisement, kHost1V6, kHost2V6, bytes_of(kHost1V6), 0x6000'0000)},
      {"nd_redirect", neighbour(kRedirectV6, kLinkV6, kHost1V6, bytes_of(kHost2V6, bytes_of(kHost2V6)))},
  };
}

std::vector<Sample> tunnel_samples() {
  return {
      {"vxlan", tunnel(false, false, false, tcp())},
      {"vxlan_checksummed", tunnel(false, false, true, udp_v6())},
      {"vxlan_over_ipv6", tunnel(false, true, false, udp())},
      {"vxlan_over_ipv6_checksummed", tunnel(false, true, true, tcp_v6())},
      {"geneve", tunnel(true, false, false, tcp())},
      {"geneve_over_ipv6", tunnel(true, true, true, udp())},
  };
}

}  // namespace

std::vector<Sample> all() {
  std::vector<Sample> samples = ipv4_samples();
  for (const auto& more : {ipv6_samples(), neighbour_samples(), tunnel_samples()}) {
    samples.insert(samples.end(), more.begin(), more.end());
  }
  return samples;
}

}  // namespace outrigger::packet::samples
