// Good packets: what the parser finds in each.
#include "packet/parser.h"

#include <gtest/gtest.h>

#include "packet/describe.h"
#include "packet/parse_inline.h"
#include "packet/samples.h"

namespace outrigger::packet {
namespace {

using samples::Frame;

const Frame& sample(const std::string& name) {
  static const std::vector<samples::Sample> kAll = samples::all();
  for (const auto& each : kAll) {
    if (each.name == name) return each.frame;
  }
  ADD_FAILURE() << "no sample " << name;
  return kAll[0].frame;
}

PacketInfo parsed(const Frame& frame) {
  PacketInfo info;
  parse(frame, Vni(100), info);
  return info;
}

struct Row {
  const char* name;
  const char* text;
};

// The whole of each packet as `describe` puts it: kind, protocol, ends, direction, flags, VNI, TTL, length.
constexpr Row kRows[] = {
    {"tcp", "tcp 10.0.0.1:40000 > 10.0.0.2:80 [ack] vni 100 ttl 64 length 74"},
    {"udp", "udp 10.0.0.1:40000 > 10.0.0.2:53 vni 100 ttl 64 length 60"},
    {"sctp", "sctp 10.0.0.1:5000 > 10.0.0.2:36412 vni 100 ttl 64 length 62"},
    {"icmp_echo", "icmp 10.0.0.1:4660 > 10.0.0.2:4660 vni 100 ttl 64 length 74"},
    {"icmp_timestamp", "icmp 10.0.0.1 > 10.0.0.2 vni 100 ttl 64 length 54"},
    {"icmp_unreachable",
     "icmp error type 3 about udp 10.0.0.254:40000 > 10.0.0.2:53 vni 100 ttl 64 length 70"},
    {"gre", "protocol 47 10.0.0.1 > 10.0.0.2 vni 100 ttl 64 length 42"},
    {"options", "tcp 10.0.0.1:40000 > 10.0.0.2:80 [ack] vni 100 ttl 64 length 82"},
    {"first_fragment", "udp 10.0.0.1:40000 > 10.0.0.2:53 fragment 99@0 vni 100 ttl 64 length 66"},
    {"later_fragment", "fragment 99@32 udp 10.0.0.1 > 10.0.0.2 vni 100 ttl 64 length 43"},
    {"arp", "arp 10.0.0.1 > 10.0.0.2 vni 100 length 42"},
    {"dhcp", "udp 0.0.0.0:68 > 255.255.255.255:67 vni 100 ttl 64 length 342"},
    {"tcp6", "tcp [fd00::1]:40000 > [fd00::2]:80 [ack] vni 100 ttl 64 length 94"},
    {"udp6", "udp [fd00::1]:40000 > [fd00::2]:53 vni 100 ttl 64 length 80"},
    {"sctp6", "sctp [fd00::1]:5000 > [fd00::2]:36412 vni 100 ttl 64 length 82"},
    {"icmp6_echo", "icmp6 [fd00::1]:4660 > [fd00::2]:4660 vni 100 ttl 64 length 94"},
    {"icmp6_too_big", "icmp error type 2 about tcp [fe80::1]:40000 > [fd00::2]:53 vni 100 ttl 64 length 110"},
    {"hop_by_hop", "tcp [fd00::1]:40000 > [fd00::2]:80 [ack] vni 100 ttl 64 length 110"},
    {"routing_done", "udp [fd00::1]:40000 > [fd00::2]:53 vni 100 ttl 64 length 88"},
    {"first_fragment6", "udp [fd00::1]:40000 > [fd00::2]:53 fragment 77@0 vni 100 ttl 64 length 94"},
    {"later_fragment6", "fragment 77@32 udp fd00::1 > fd00::2 vni 100 ttl 64 length 71"},
    {"atomic_fragment6", "udp [fd00::1]:40000 > [fd00::2]:53 vni 100 ttl 64 length 73"},
    {"no_next", "protocol 59 fd00::1 > fd00::2 vni 100 ttl 64 length 54"},
    {"nd_router_solicitation", "neighbour type 133 fe80::1 > ff02::1 vni 100 ttl 255 length 70"},
    {"nd_router_advertisement", "neighbour type 134 fe80::1 > ff02::1 vni 100 ttl 255 length 70"},
    {"nd_solicitation", "neighbour type 135 fd00::1 > ff02::1:ff00:2 vni 100 ttl 255 length 86"},
    {"nd_duplicate_check", "neighbour type 135 :: > ff02::1:ff00:2 vni 100 ttl 255 length 78"},
    {"nd_advertisement", "neighbour type 136 fd00::1 > fd00::2 vni 100 ttl 255 length 78"},
    {"nd_redirect", "neighbour type 137 fe80::1 > fd00::1 vni 100 ttl 255 length 94"},
};

TEST(Parser, FindsWhatIsInEachSample) {
  for (const Row& row : kRows) {
    const PacketInfo info = parsed(sample(row.name));
    EXPECT_EQ(describe(info), row.text) << row.name;
    EXPECT_EQ(info.hash, hash(info.key)) << row.name;
    EXPECT_EQ(info.drop, Drop::kNone) << row.name;
  }
}

TEST(Parser, PaddingIsNoPartOfThePacket) {
  for (const Row& row : kRows) {
    const PacketInfo bare = parsed(sample(row.name));
    Frame padded = sample(row.name);
    padded.insert(padded.end(), 18, 0xee);
    const PacketInfo info = parsed(padded);
    EXPECT_TRUE(bare == info) << row.name;
  }
}

TEST(Parser, SaysWhereHeadersAre) {
  const PacketInfo plain = parsed(sample("tcp"));
  EXPECT_EQ(plain.l3_offset, 14);
  EXPECT_EQ(plain.l4_offset, 34);
  EXPECT_EQ(parsed(sample("options")).l4_offset, 42);
  EXPECT_TRUE(parsed(sample("options")).ip_options);
  EXPECT_EQ(parsed(sample("hop_by_hop")).l4_offset, 70);
  EXPECT_EQ(parsed(sample("arp")).l4_offset, 0);
  EXPECT_TRUE(parsed(sample("arp")).l2_multicast);
  EXPECT_FALSE(plain.l2_multicast);
}

TEST(Parser, TellsFragmentsApart) {
  const PacketInfo first = parsed(sample("first_fragment"));
  EXPECT_TRUE(first.first_fragment && first.more_fragments);
  EXPECT_EQ(first.fragment_payload, 34);
  EXPECT_EQ(first.fragment_id, 99u);
  const PacketInfo later = parsed(sample("later_fragment"));
  EXPECT_FALSE(later.first_fragment || later.more_fragments);
  EXPECT_EQ(later.fragment_offset, 32);
  EXPECT_EQ(later.l4_offset, 0);
  const PacketInfo v6 = parsed(sample("later_fragment6"));
  EXPECT_EQ(v6.fragment_payload, 62);
  EXPECT_EQ(v6.fragment_id, 77u);
  EXPECT_FALSE(parsed(sample("atomic_fragment6")).first_fragment);
}

TEST(Parser, DontFragmentIsAFieldInIpv4AndARuleInIpv6) {
  EXPECT_FALSE(parsed(sample("udp")).dont_fragment);
  EXPECT_TRUE(parsed(sample("udp6")).dont_fragment);
  const Frame set = samples::build([](Builder& b) { samples::v4(b).dont_fragment().udp(1, 2); });
  EXPECT_TRUE(parsed(set).dont_fragment);
}

TEST(Parser, AnIcmpErrorTravelsLikeAnAnswerToWhatItIsAbout) {
  const Frame about = samples::build([](Builder& b) {
    b.ethernet(samples::kMac1, samples::kMac2).ip(samples::kHost2, samples::kHost1).udp(53, 40000);
  });
  const Frame error = samples::build([&](Builder& b) {
    b.ethernet(samples::kMac2, samples::kMac1).ip(samples::kRouter, samples::kHost2);
    b.icmp(3, 3).payload(samples::inner(about));
  });
  const PacketInfo original = parsed(about), info = parsed(error);
  ASSERT_EQ(info.kind, Kind::kIcmpError);
  EXPECT_EQ(info.key, original.key);
  EXPECT_EQ(info.hash, original.hash);
  EXPECT_NE(info.reverse, original.reverse);
}

TEST(Parser, AnAnswerHasTheSameKeyAndHash) {
  const PacketInfo there = parsed(sample("tcp"));
  const PacketInfo back = parsed(samples::build([](Builder& b) {
    b.ethernet(samples::kMac1, samples::kMac2).ip(samples::kHost2, samples::kHost1).tcp(80, 40000, kAck);
  }));
  EXPECT_EQ(there.key, back.key);
  EXPECT_EQ(there.hash, back.hash);
  EXPECT_NE(there.reverse, back.reverse);
}

TEST(Parser, EveryTruncationOfEverySampleIsRefusedWithoutReadingPastIt) {
  for (const auto& each : samples::all()) {
    for (size_t length = 0; length < each.frame.size(); ++length) {
      const Frame cut(each.frame.begin(),
                      each.frame.begin() + static_cast<ptrdiff_t>(length));  // its own heap block
      PacketInfo info;
      parse(cut, Vni(1), info);
      EXPECT_EQ(info.kind, Kind::kMalformed) << each.name << " cut to " << length;
      EXPECT_NE(info.drop, Drop::kNone) << each.name << " cut to " << length;
      const TunnelInfo tunnel = parse_tunnel(cut);
      EXPECT_EQ(tunnel.inner_offset, 0) << each.name << " cut to " << length;
    }
  }
}

// Every single-bit change of every sample: the short path and the complete one must agree in every field.
TEST(Parser, TheInlinePathAndTheCompleteOneAgree) {
  for (const auto& each : samples::all()) {
    Frame frame = each.frame;
    for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
      frame[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      PacketInfo quick, complete;
      const Frame repaired = samples::patched(frame, 0, {});
      parse_inline(repaired, Vni(9), quick);
      parse_complete(repaired, Vni(9), complete);
      ASSERT_TRUE(quick == complete) << each.name << " bit " << bit;
      frame[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

// Without this the agreement above would be that of one path with itself.
TEST(Parser, TheCommonPacketTakesTheInlinePath) {
  PacketInfo info;
  EXPECT_TRUE(detail::parse_common(sample("tcp"), Vni(1), info));
  EXPECT_TRUE(detail::parse_common(sample("udp"), Vni(1), info));
  EXPECT_FALSE(detail::parse_common(sample("options"), Vni(1), info));
  EXPECT_FALSE(detail::parse_common(sample("first_fragment"), Vni(1), info));
}

}  // namespace
}  // namespace outrigger::packet
