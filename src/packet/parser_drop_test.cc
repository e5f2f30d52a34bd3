// Bad packets: one row for each way to be refused by what the bytes say.
#include <gtest/gtest.h>

#include <set>

#include "packet/parser.h"
#include "packet/samples.h"

namespace outrigger::packet {
namespace {

using namespace samples;  // NOLINT: a page of frames

struct Row {
  const char* name;
  Frame frame;
  Drop drop;
};

Drop drop_of(const Frame& frame) {
  PacketInfo info;
  parse(frame, Vni(100), info);
  EXPECT_EQ(info.kind == Kind::kMalformed, info.drop != Drop::kNone);
  return info.drop;
}

void expect(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_FALSE(row.frame.empty()) << row.name;
    EXPECT_EQ(info(drop_of(row.frame)).name, info(row.drop).name) << row.name;
  }
}

Frame from(IpAddress source) {
  return build(
      [&](Builder& b) { b.ethernet(kMac2, kMac1).ip(source, source.is_v4() ? kHost2 : kHost2V6).udp(1, 2); });
}
Frame to(IpAddress destination) {
  return build([&](Builder& b) {
    b.ethernet(kMac2, kMac1).ip(destination.is_v4() ? kHost1 : kHost1V6, destination).udp(1, 2);
  });
}
Frame address(const char* text) { return from(*IpAddress::parse(text)); }

// IpAddress has one form for IPv4 and for mapped IPv6, so the builder cannot write the latter: patch it in.
Frame mapped(size_t at) {
  return patched(udp_v6(), at, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1});
}

Frame cut(Frame frame, size_t length) {
  frame.resize(length);
  return frame;
}

std::vector<Row> ethernet_rows() {
  return {
      {"empty header", cut(tcp(), 13), Drop::kFrameTooShort},
      {"ip header cut", cut(tcp(), 33), Drop::kFrameTooShort},
      {"ip6 header cut", cut(tcp_v6(), 53), Drop::kFrameTooShort},
      {"other ethertype", patched(tcp(), 12, {0x88, 0xcc}), Drop::kEtherTypeUnsupported},
      {"802.3 length", patched(tcp(), 12, {0x00, 0x40}), Drop::kEtherTypeUnsupported},
      {"vlan", build([](Builder& b) { b.ethernet(kMac2, kMac1).vlan(7).ip(kHost1, kHost2).udp(1, 2); }),
       Drop::kVlanTagged},
      {"priority tag",
       build([](Builder& b) { b.ethernet(kMac2, kMac1).vlan(0).ip(kHost1, kHost2).udp(1, 2); }),
       Drop::kVlanTagged},
      {"service tag", patched(tcp(), 12, {0x88, 0xa8}), Drop::kVlanTagged},
      {"old service tag", patched(tcp(), 12, {0x91, 0x00}), Drop::kVlanTagged},
  };
}

std::vector<Row> ip_rows() {
  Frame wrong_checksum = udp();
  wrong_checksum[24] ^= 1;
  return {
      {"version 6 in ipv4", patched(tcp(), 14, {0x65}), Drop::kIpVersion},
      {"version 4 in ipv6", patched(tcp_v6(), 14, {0x45}), Drop::kIpVersion},
      {"header of 16", patched(tcp(), 14, {0x44}), Drop::kIpHeaderLength},
      {"header past frame", cut(patched(udp(), 14, {0x4f}), 60), Drop::kIpHeaderLength},
      {"length past frame", patched(tcp(), 16, {0x00, 61}), Drop::kIpTotalLength},
      {"length below header", patched(tcp(), 16, {0x00, 19}), Drop::kIpTotalLength},
      {"ipv6 length past frame", patched(tcp_v6(), 18, {0x00, 41}), Drop::kIpTotalLength},
      {"checksum", wrong_checksum, Drop::kIpChecksum},
      {"loose source route", with_ipv4_options(tcp(), {131, 7, 4, 10, 0, 0, 9, 0}), Drop::kIpSourceRoute},
      {"strict source route", with_ipv4_options(tcp(), {1, 137, 7, 4, 10, 0, 0, 9}), Drop::kIpSourceRoute},
      {"option of length 1", with_ipv4_options(tcp(), {7, 1, 0, 0}), Drop::kIpSourceRoute},
      {"option past header", with_ipv4_options(tcp(), {7, 5, 0, 0}), Drop::kIpSourceRoute},
      {"option without length", with_ipv4_options(tcp(), {1, 1, 1, 7}), Drop::kIpSourceRoute},
  };
}

std::vector<Row> address_rows() {
  return {
      {"multicast", address("224.0.0.1"), Drop::kIpAddressInvalid},
      {"broadcast", address("255.255.255.255"), Drop::kIpAddressInvalid},
      {"loopback", address("127.0.0.1"), Drop::kIpAddressInvalid},
      {"this network", address("0.1.2.3"), Drop::kIpAddressInvalid},
      {"zero, not dhcp", address("0.0.0.0"), Drop::kIpAddressInvalid},
      {"zero, dhcp reply ports",
       build([](Builder& b) { b.ethernet(kMac2, kMac1).ip(kZero, kHost2).udp(67, 68); }),
       Drop::kIpAddressInvalid},
      {"zero, fragment", build([](Builder& b) {
         b.ethernet(kMac2, kMac1).ip(kZero, kHost2).fragment(1, 32, false).protocol(kUdp).zeros(8);
       }),
       Drop::kIpAddressInvalid},
      {"to loopback", to(*IpAddress::parse("127.0.0.1")), Drop::kIpAddressInvalid},
      {"to zero", to(kZero), Drop::kIpAddressInvalid},
      {"multicast6", address("ff02::1"), Drop::kIpAddressInvalid},
      {"loopback6", address("::1"), Drop::kIpAddressInvalid},
      {"unspecified6", address("::"), Drop::kIpAddressInvalid},
      {"mapped source", mapped(22), Drop::kIpAddressInvalid},
      {"mapped destination", mapped(38), Drop::kIpAddressInvalid},
      {"to unspecified6", to(IpAddress{}), Drop::kIpAddressInvalid},
      {"class e", address("240.0.0.1"), Drop::kNone},
  };
}

std::vector<Row> extension_rows() {
  Frame seven = udp_v6(), options = udp_v6();
  for (int i = 0; i < 7; ++i) seven = with_extension(seven, kDestinationOptions, {0, 0, 1, 4, 0, 0, 0, 0});
  std::vector<uint8_t> many(40, 0);  // 38 one-byte pads
  many[1] = 4;
  const std::vector<uint8_t> pad = {0, 0, 1, 4, 0, 0, 0, 0}, piece = {0, 0, 0, 0, 0, 0, 0, 1};
  return {
      {"hop-by-hop second",
       with_extension(with_extension(udp_v6(), kHopByHop, pad), kDestinationOptions, pad),
       Drop::kIpv6Extension},
      {"too many", seven, Drop::kIpv6Extension},
      {"too many options", with_extension(udp_v6(), kHopByHop, many), Drop::kIpv6Extension},
      {"option past header", with_extension(udp_v6(), kHopByHop, {0, 0, 1, 5, 0, 0, 0, 0}),
       Drop::kIpv6Extension},
      {"jumbo payload", with_extension(udp_v6(), kHopByHop, {0, 0, 0xc2, 4, 0, 1, 0, 0}),
       Drop::kIpv6Extension},
      {"past packet", with_extension(udp_v6(), kDestinationOptions, {0, 9, 1, 4, 0, 0, 0, 0}),
       Drop::kIpv6Extension},
      {"two fragment headers",
       with_extension(with_extension(udp_v6(), kFragmentHeader, piece), kFragmentHeader, piece),
       Drop::kIpv6Extension},
      {"routing type 0", with_extension(udp_v6(), kRouting, {0, 0, 0, 0, 0, 0, 0, 0}),
       Drop::kIpv6RoutingHeader},
      {"segments left", with_extension(udp_v6(), kRouting, {0, 0, 4, 1, 0, 0, 0, 0}),
       Drop::kIpv6RoutingHeader},
  };
}

std::vector<Row> transport_rows() {
  return {
      {"tcp short", build([](Builder& b) { v4(b).protocol(kTcp).zeros(19); }), Drop::kL4Truncated},
      {"udp short", build([](Builder& b) { v6(b).protocol(kUdp).zeros(7); }), Drop::kL4Truncated},
      {"sctp short", build([](Builder& b) { v4(b).protocol(kSctp).zeros(11); }), Drop::kL4Truncated},
      {"tcp offset 16", patched(tcp(), 46, {0x40}), Drop::kTcpHeaderLength},
      {"tcp offset past packet", patched(tcp(), 46, {0xb0}), Drop::kTcpHeaderLength},
      {"udp length 7", patched(udp(), 38, {0, 7}), Drop::kUdpLength},
      {"udp length past packet", patched(udp(), 38, {0, 27}), Drop::kUdpLength},
      {"udp length past packet 6", patched(udp_v6(), 58, {0, 27}), Drop::kUdpLength},
      {"icmp short", build([](Builder& b) { v4(b).protocol(kIcmp).zeros(7); }), Drop::kIcmpTruncated},
      {"icmp6 short", build([](Builder& b) { v6(b).protocol(kIcmpV6).zeros(7); }), Drop::kIcmpTruncated},
  };
}

Frame error_about(const Frame& packet) {
  return build([&](Builder& b) { v4(b).icmp(3, 1).payload(packet); });
}

std::vector<Row> icmp_error_rows() {
  const Frame about =
      inner(build([](Builder& b) { b.ethernet(kMac1, kMac2).ip(kHost2, kHost1).tcp(80, 4, kAck); }));
  const Frame error =
      inner(build([](Builder& b) { b.ethernet(kMac1, kMac2).ip(kHost2, kHost1).icmp(3, 1); }));
  const Frame eight(about.begin(), about.begin() + 28), seven(about.begin(), about.begin() + 27);
  return {
      {"eight bytes are enough", error_about(eight), Drop::kNone},
      {"seven are not", error_about(seven), Drop::kIcmpTruncated},
      {"half an ip header", error_about(Frame(about.begin(), about.begin() + 19)), Drop::kIcmpTruncated},
      {"nothing inside", error_about({}), Drop::kIcmpTruncated},
      {"ipv6 inside", error_about(inner(tcp_v6())), Drop::kIcmpTruncated},
      {"about an error", error_about(error), Drop::kIcmpErrorNoSession},
      {"about another's packet", error_about(inner(tcp())), Drop::kIcmpErrorNoSession},
      {"in fragments", build([&](Builder& b) { v4(b).fragment(1, 0, true).icmp(3, 1).payload(about); }),
       Drop::kIcmpTruncated},
  };
}

std::vector<Row> fragment_rows() {
  const auto piece = [](uint8_t protocol, uint16_t offset, bool more, size_t bytes) {
    return build([=](Builder& b) { v4(b).fragment(5, offset, more).protocol(protocol).zeros(bytes); });
  };
  const auto piece_v6 = [](uint8_t protocol, uint16_t offset, bool more, size_t bytes) {
    return build([=](Builder& b) { v6(b).fragment(5, offset, more).protocol(protocol).zeros(bytes); });
  };
  return {
      {"first without tcp header", piece(kTcp, 0, true, 16), Drop::kFragmentTiny},
      {"first without tcp options",
       build([](Builder& b) { v4(b).fragment(5, 0, true).tcp(1, 2, kSyn).zeros(4); }), Drop::kNone},
      {"first with tcp options cut",
       patched(build([](Builder& b) { v4(b).fragment(5, 0, true).tcp(1, 2, kSyn).zeros(4); }), 46, {0x70}),
       Drop::kFragmentTiny},
      {"first without extension", build([](Builder& b) {
         v6(b).fragment(5, 0, true).protocol(kDestinationOptions).payload(Frame{kUdp, 9, 1, 4, 0, 0, 0, 0});
       }),
       Drop::kFragmentTiny},
      {"first without udp header", piece_v6(kUdp, 0, true, 0), Drop::kFragmentInvalid},
      {"first whose udp length counts later ones",
       patched(build([](Builder& b) { v4(b).fragment(5, 0, true).udp(1, 2).zeros(16); }), 38, {4, 0}),
       Drop::kNone},
      {"second inside tcp header", piece(kTcp, 8, false, 32), Drop::kFragmentTiny},
      {"not a multiple of 8", piece(kUdp, 64, true, 9), Drop::kFragmentInvalid},
      {"not a multiple of 8, first", piece_v6(kUdp, 0, true, 17), Drop::kFragmentInvalid},
      {"last may be odd", piece(kUdp, 64, false, 9), Drop::kNone},
      {"empty", piece(kUdp, 64, false, 0), Drop::kFragmentInvalid},
      {"past 64 KiB", piece(kUdp, 65528, false, 8), Drop::kFragmentInvalid},
      {"past 64 KiB 6", piece_v6(kUdp, 65528, false, 8), Drop::kFragmentInvalid},
      {"to the last byte", piece(kUdp, 65504, false, 11), Drop::kNone},
      {"past the last byte", piece(kUdp, 65504, false, 12), Drop::kFragmentInvalid},
      {"to the last byte 6", piece_v6(kUdp, 65528, false, 7), Drop::kNone},
  };
}

std::vector<Row> arp_rows() {
  const Frame good = build([](Builder& b) { b.ethernet(kMac2, kMac1).arp(2, kMac1, kHost1, kMac2, kHost2); });
  return {
      {"good", good, Drop::kNone},
      {"cut", cut(good, 41), Drop::kArpMalformed},
      {"hardware", patched(good, 15, {6}), Drop::kArpMalformed},
      {"protocol", patched(good, 16, {0x86, 0xdd}), Drop::kArpMalformed},
      {"address length", patched(good, 18, {8}), Drop::kArpMalformed},
      {"operation", patched(good, 21, {3}), Drop::kArpMalformed},
      {"multicast mac", patched(good, 22, {3}), Drop::kArpMalformed},
      {"multicast sender", patched(good, 28, {224, 0, 0, 1}), Drop::kIpAddressInvalid},
      {"probe", patched(good, 28, {0, 0, 0, 0}), Drop::kNone},
  };
}

std::vector<Row> neighbour_rows() {
  const IpAddress solicited{0xff02'0000'0000'0000, 0x1'ff00'0002};
  const Frame target = bytes_of(kHost2V6), multicast = bytes_of(kAllNodes);
  Frame wrong_checksum = neighbour(135, kHost1V6, solicited, target);
  wrong_checksum[56] ^= 1;
  const Drop bad = Drop::kNdMalformed;
  return {
      {"hop limit 254", neighbour(135, kHost1V6, solicited, target, 0, 254), bad},
      {"code", neighbour(135, kHost1V6, solicited, target, 0, 255, 1), bad},
      {"checksum", wrong_checksum, bad},
      {"solicitation cut", neighbour(135, kHost1V6, solicited, Frame(15)), bad},
      {"solicited multicast target", neighbour(135, kHost1V6, solicited, multicast), bad},
      {"option of length 0",
       neighbour(135, kHost1V6, solicited, bytes_of(kHost2V6, {1, 0, 0, 0, 0, 0, 0, 0})), bad},
      {"option past message",
       neighbour(135, kHost1V6, solicited, bytes_of(kHost2V6, {1, 2, 0, 0, 0, 0, 0, 0})), bad},
      {"option cut", neighbour(135, kHost1V6, solicited, bytes_of(kHost2V6, {1})), bad},
      {"duplicate check to one host", neighbour(135, {}, kHost2V6, target), bad},
      {"duplicate check with mac", neighbour(135, {}, solicited, bytes_of(kHost2V6, kSourceLinkOption)), bad},
      {"advertisement solicited to all", neighbour(136, kHost1V6, kAllNodes, target, 0x4000'0000), bad},
      {"advertisement from nobody", neighbour(136, {}, kAllNodes, target), bad},
      {"advertised multicast target", neighbour(136, kHost1V6, kHost2V6, multicast), bad},
      {"router solicitation with mac from nobody", neighbour(133, {}, kAllNodes, kSourceLinkOption), bad},
      {"router solicitation from nobody", neighbour(133, {}, kAllNodes, {}), Drop::kNone},
      {"router advertisement cut", neighbour(134, kLinkV6, kAllNodes, Frame(7)), bad},
      {"router advertisement not link-local", neighbour(134, kHost1V6, kAllNodes, Frame(8)), bad},
      {"redirect cut", neighbour(137, kLinkV6, kHost1V6, Frame(31)), bad},
      {"redirect not link-local", neighbour(137, kHost1V6, kHost2V6, bytes_of(kHost2V6, target)), bad},
      {"redirect of multicast", neighbour(137, kLinkV6, kHost2V6, bytes_of(kLinkV6, multicast)), bad},
      {"redirect to elsewhere", neighbour(137, kLinkV6, kHost1V6, bytes_of(kHost1V6, target)), bad},
      {"in fragments", build([&](Builder& b) {
         b.ethernet(kMac2, kMac1)
             .ip(kHost1V6, solicited, 255)
             .fragment(1, 0, true)
             .icmp(135, 0)
             .payload(target);
       }),
       bad},
  };
}

std::vector<std::vector<Row>> all_rows() {
  return {ethernet_rows(),   ip_rows(),       address_rows(), extension_rows(), transport_rows(),
          icmp_error_rows(), fragment_rows(), arp_rows(),     neighbour_rows()};
}

TEST(ParserDrop, RefusesByName) {
  for (const auto& rows : all_rows()) expect(rows);
}

// All 64 combinations against the list in plain words.
TEST(ParserDrop, OnlyTheFlagsAStackSends) {
  const std::set<int> usual = {kSyn,        kSyn | kUrg, kSyn | kAck,       kRst, kRst | kAck, kAck,
                               kAck | kUrg, kFin | kAck, kFin | kAck | kUrg};
  for (int flags = 0; flags < 64; ++flags) {
    const Drop due = usual.contains(flags & ~kPsh) ? Drop::kNone : Drop::kTcpFlags;
    EXPECT_EQ(drop_of(tcp(static_cast<uint8_t>(flags))), due) << flags;
    EXPECT_EQ(drop_of(tcp_v6(static_cast<uint8_t>(flags | 0xc0))), due) << flags;  // with ECE and CWR
  }
}

// Each drop of the packet room that the parser can give is in a row (the fragment table gives the other
// three).
TEST(ParserDrop, EveryNameHasARow) {
  std::set<Drop> seen;
  for (const auto& rows : all_rows()) {
    for (const Row& row : rows) seen.insert(row.drop);
  }
  const std::set<Drop> elsewhere = {Drop::kNone, Drop::kTcpFlags, Drop::kFragmentOverlap,
                                    Drop::kFragmentUnknown, Drop::kFragmentTableFull};
  for (const DropInfo& each : kDrops) {
    const bool due = each.service == "packet" && !elsewhere.contains(each.drop);
    EXPECT_TRUE(!due || seen.contains(each.drop)) << each.name;
  }
}

}  // namespace
}  // namespace outrigger::packet
