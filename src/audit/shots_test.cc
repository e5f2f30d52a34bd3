// The frames are what they claim to be: wrong in the one thing that is tried, sound in all others.
#include "audit/shots.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/packet_info.h"
#include "packet/wire.h"

namespace outrigger::audit {
namespace {

constexpr uint32_t kMark = 0x01020304;

Range range(bool tcp) {
  return {.mac = *MacAddress::parse("02:00:00:00:0a:01"),
          .address = *IpAddress::parse("10.1.0.51"),
          .hop = *MacAddress::parse("02:00:00:00:0a:02"),
          .victim = *IpAddress::parse("10.1.0.52"),
          .victim_mac = *MacAddress::parse("02:00:00:00:0a:02"),
          .allowed = {tcp, 8080},
          .v6 = IpAddress::parse("fd00:1::51"),
          .victim_v6 = IpAddress::parse("fd00:1::52"),
          .gateway = IpAddress::parse("10.1.0.1")};
}

IpAddress source_of(const Frame& frame) { return IpAddress::load_v4(&frame[26]); }
MacAddress mac_of(const Frame& frame) { return MacAddress::load(&frame[6]); }

std::vector<Shot> all(const Range& from) {
  std::vector<Shot> shots;
  uint32_t mark = kMark;
  for (const auto make : {spoofed_mac, spoofed_address, spoofed_arp, spoofed_neighbour, spoofed_router,
                          spoofed_dhcp, tagged, double_tagged}) {
    for (Shot& one : make(from, mark += 1000)) shots.push_back(std::move(one));
  }
  for (Shot& one : nested(from, {*IpAddress::parse("192.0.2.1")}, {100, 200}, from.hop, mark + 1000))
    shots.push_back(std::move(one));
  return shots;
}

TEST(Shots, EachProofIsInItsFrameAndInNoOther) {
  for (const bool tcp : {false, true}) {
    const std::vector<Shot> shots = all(range(tcp));
    EXPECT_GE(shots.size(), 20u);
    for (size_t i = 0; i < shots.size(); ++i) {
      ASSERT_GE(shots[i].proof.size(), 8u) << shots[i].what;
      EXPECT_TRUE(contains(shots[i].frame, shots[i].proof)) << shots[i].what;
      EXPECT_FALSE(contains(honest(range(tcp), kMark - 7).frame, shots[i].proof)) << shots[i].what;
      for (size_t other = 0; other < shots.size(); ++other) {
        EXPECT_EQ(contains(shots[other].frame, shots[i].proof), other == i) << shots[i].what;
      }
    }
  }
}

TEST(Shots, AnHonestOneIsTheGuestsOwn) {
  const Shot one = honest(range(true), kMark);
  EXPECT_EQ(mac_of(one.frame), range(true).mac);
  EXPECT_EQ(source_of(one.frame), range(true).address);
  EXPECT_EQ(load_be16(&one.frame[36]), 8080);
  EXPECT_EQ(one.frame[47], packet::kSyn);
}

TEST(Shots, SpoofedOnesLieInOneThing) {
  for (const Shot& one : spoofed_mac(range(false), kMark)) {
    EXPECT_NE(mac_of(one.frame), range(false).mac) << one.what;
    EXPECT_EQ(source_of(one.frame), range(false).address) << one.what;
  }
  for (const Shot& one : spoofed_address(range(false), kMark)) {
    EXPECT_EQ(mac_of(one.frame), range(false).mac) << one.what;
    const bool v4 = load_be16(&one.frame[12]) == packet::kEtherIpv4;
    EXPECT_FALSE(v4 && source_of(one.frame) == range(false).address) << one.what;
  }
  for (const Shot& one : spoofed_router(range(false), kMark)) {
    EXPECT_EQ(IpAddress::load_v6(&one.frame[22]).str(), "fe80::ff:fe00:a01") << one.what;
  }
  EXPECT_EQ(load_be16(&double_tagged(range(false), kMark)[1].frame[12]), packet::kEtherServiceVlan);
}

TEST(Shots, WithoutIpv6ThereIsNothingToSpoofByNeighbourDiscovery) {
  Range from = range(false);
  from.v6.reset();
  EXPECT_TRUE(spoofed_neighbour(from, kMark).empty());
  EXPECT_TRUE(spoofed_router(from, kMark).empty());
}

TEST(Shots, APieceIsASoundIpPacketAndThePiecesMakeTheWhole) {
  for (const auto& volley : fragments(range(true), 9090, 8080, kMark)) {
    for (const Shot& piece : volley) {
      const uint8_t* ip = &piece.frame[14];
      EXPECT_EQ(packet::fold(packet::sum({ip, 20})), 0xffff) << piece.what;
      EXPECT_EQ(load_be16(ip + 2), piece.frame.size() - 14) << piece.what;
      const bool ends = (load_be16(ip + 6) & packet::kIpv4MoreFragments) == 0;
      EXPECT_TRUE(ends || (piece.frame.size() - 34) % 8 == 0) << piece.what;
    }
  }
  const auto volleys = fragments(range(true), 9090, 8080, kMark);
  ASSERT_EQ(volleys.size(), 4u);
  const Frame &first = volleys[0][0].frame, &rest = volleys[0][1].frame;
  EXPECT_EQ(first.size(), 34u + 8);
  Frame segment(first.begin() + 34, first.end());
  segment.insert(segment.end(), rest.begin() + 34, rest.end());
  EXPECT_EQ(load_be16(&segment[2]), 9090);
  EXPECT_EQ(packet::transport_checksum(range(true).address, range(true).victim, packet::kTcp, segment), 0);
  EXPECT_EQ(load_be16(&volleys[3][0].frame[36]), 8080);
  EXPECT_EQ(load_be16(&volleys[3][1].frame[36]), 9090);
  EXPECT_TRUE(volleys[3][0].proof.empty() && volleys[3][2].proof.empty());
  EXPECT_FALSE(volleys[3][1].proof.empty());
}

}  // namespace
}  // namespace outrigger::audit
