#include "engine/fragment_table.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "packet/builder.h"
#include "packet/parser.h"

namespace outrigger::engine {
namespace {

using packet::Kind;
using packet::PacketInfo;

constexpr uint32_t kVni = 7;

struct Piece {
  uint16_t id = 1;
  uint16_t offset = 0;
  bool more = true;
  size_t length = 64;  // of the IP payload
  uint16_t source_port = 1000;
  const char* source = "10.0.0.2";
  const char* destination = "10.0.0.1";
  uint32_t vni = kVni;
};

// Parsed from real frames, so that what is read is what is on the wire.
PacketInfo parsed(const Piece& piece) {
  std::array<uint8_t, 2048> buffer{};
  packet::Builder builder(buffer);
  builder.ethernet(*MacAddress::parse("02:00:00:00:00:01"), *MacAddress::parse("02:00:00:00:00:02"))
      .ip(*IpAddress::parse(piece.source), *IpAddress::parse(piece.destination))
      .fragment(piece.id, piece.offset, piece.more);
  if (piece.offset == 0) {
    builder.udp(piece.source_port, 53).zeros(piece.length - 8);
  } else {
    builder.protocol(packet::kUdp).zeros(piece.length);
  }
  const size_t length = builder.finish();
  EXPECT_NE(length, 0u);
  PacketInfo info;
  packet::parse({buffer.data(), length}, Vni(piece.vni), info);
  EXPECT_EQ(info.drop, Drop::kNone) << static_cast<int>(info.drop);
  return info;
}

struct Fixture {
  Drop track(const Piece& piece) {
    info = parsed(piece);
    return table.track(info, {}, now);
  }
  FragmentTable table{64};
  PacketInfo info;
  Tick now = 100;
};

TEST(FragmentTable, LaterPiecesBorrowThePorts) {
  for (const bool ipv6 : {false, true}) {
    for (const bool mirrored : {false, true}) {
      Fixture f;
      Piece piece;
      piece.source = ipv6 ? "fd00::2" : "10.0.0.2";
      piece.destination = ipv6 ? "fd00::1" : "10.0.0.1";
      if (mirrored) std::swap(piece.source, piece.destination);
      ASSERT_EQ(f.track(piece), Drop::kNone);
      const PacketInfo first = f.info;
      ASSERT_EQ(first.kind, Kind::kFlow);
      for (const uint16_t offset : {uint16_t{64}, uint16_t{128}}) {
        piece.offset = offset;
        piece.more = offset == 64;
        ASSERT_EQ(f.track(piece), Drop::kNone);
        EXPECT_EQ(f.info.kind, Kind::kFlow);
        EXPECT_EQ(f.info.key, first.key);
        EXPECT_EQ(f.info.hash, first.hash);
        EXPECT_EQ(f.info.reverse, first.reverse);
        EXPECT_EQ(f.info.source_port(), 1000);
      }
      EXPECT_EQ(f.table.capacity().used, 0u);  // the last piece ended it
      EXPECT_EQ(f.table.capacity().high_water, 1u);
      EXPECT_EQ(f.track(piece), Drop::kFragmentUnknown);
    }
  }
}

TEST(FragmentTable, OthersPiecesAreUnknown) {
  const Piece later{.offset = 64};
  const Piece others[] = {
      {.id = 2, .offset = 64},
      {.offset = 64, .source = "10.0.0.3"},
      {.offset = 64, .destination = "10.0.0.3"},
      {.offset = 64, .source = "10.0.0.1", .destination = "10.0.0.2"},  // the other direction
      {.offset = 64, .vni = kVni + 1},
  };
  Fixture f;
  EXPECT_EQ(f.track(later), Drop::kFragmentUnknown);
  ASSERT_EQ(f.track({}), Drop::kNone);
  for (const Piece& other : others) EXPECT_EQ(f.track(other), Drop::kFragmentUnknown);
  EXPECT_EQ(f.track(later), Drop::kNone);
}

TEST(FragmentTable, OverlapSpoilsThePacket) {
  Fixture f;
  ASSERT_EQ(f.track({}), Drop::kNone);
  ASSERT_EQ(f.track({.offset = 64}), Drop::kNone);
  EXPECT_EQ(f.track({.offset = 120}), Drop::kFragmentOverlap);
  EXPECT_EQ(f.track({.offset = 128}), Drop::kFragmentOverlap);
}

TEST(FragmentTable, RepeatedPieceIsAnOverlap) {
  Fixture f;
  ASSERT_EQ(f.track({}), Drop::kNone);
  ASSERT_EQ(f.track({.offset = 64}), Drop::kNone);
  EXPECT_EQ(f.track({.offset = 64}), Drop::kFragmentOverlap);
}

TEST(FragmentTable, SecondFirstPieceMustHaveTheSamePorts) {
  Fixture f;
  ASSERT_EQ(f.track({}), Drop::kNone);
  ASSERT_EQ(f.track({.offset = 64}), Drop::kNone);
  EXPECT_EQ(f.track({.source_port = 1001}), Drop::kFragmentOverlap);
  EXPECT_EQ(f.track({}), Drop::kNone);
  EXPECT_EQ(f.track({.offset = 64}), Drop::kNone);
  EXPECT_EQ(f.info.source_port(), 1000);
  EXPECT_EQ(f.table.capacity().used, 1u);
}

TEST(FragmentTable, ExpiresByFamily) {
  for (const bool ipv6 : {false, true}) {
    Fixture f;
    Piece piece;
    if (ipv6) piece.source = "fd00::2", piece.destination = "fd00::1";
    ASSERT_EQ(f.track(piece), Drop::kNone);
    f.now += (ipv6 ? 60 : 30) * kTicksPerSecond;
    piece.offset = 64;
    EXPECT_EQ(f.track(piece), Drop::kNone);
    ++f.now;
    piece.offset = 128;
    EXPECT_EQ(f.track(piece), Drop::kFragmentUnknown);
    piece.offset = 0;
    piece.source_port = 2000;  // nothing is left of the old one
    EXPECT_EQ(f.track(piece), Drop::kNone);
    EXPECT_EQ(f.table.capacity().used, 1u);
  }
}

// A flood of first pieces whose rest never comes: an instant later others are followed all the same.
TEST(FragmentTable, WhatHangsGivesWay) {
  Fixture f;
  for (uint16_t id = 0; id < 500; ++id) (void)f.track({.id = id});
  const uint64_t full = f.table.capacity().used;
  f.now += 3;
  for (uint16_t id = 1000; id < 1032; ++id) {
    EXPECT_EQ(f.track({.id = id}), Drop::kNone);
    EXPECT_EQ(f.track({.id = id, .offset = 64, .more = false}), Drop::kNone);
  }
  EXPECT_LT(f.table.capacity().used, full);
}

TEST(FragmentTable, FullRefusesAndRecovers) {
  Fixture f;
  uint64_t kept = 0, refused = 0;
  for (uint16_t id = 0; id < 500; ++id) {
    const Drop drop = f.track({.id = id});
    ASSERT_TRUE(drop == Drop::kNone || drop == Drop::kFragmentTableFull);
    ++(drop == Drop::kNone ? kept : refused);
  }
  EXPECT_GT(kept, 32u);
  EXPECT_LE(kept, 64u);
  EXPECT_EQ(f.table.capacity().used, kept);
  EXPECT_EQ(f.table.capacity().refused, refused);
  f.now += 31 * kTicksPerSecond;
  for (uint16_t id = 1000; id < 1008; ++id) EXPECT_EQ(f.track({.id = id}), Drop::kNone);
  for (int i = 0; i < 40; ++i) f.track({.id = 9999, .offset = 64});
  EXPECT_EQ(f.table.capacity().used, 8u);  // the rest was swept out
}

TEST(FragmentTable, WholePacketsAreNotItsBusiness) {
  Fixture f;
  EXPECT_EQ(f.track({.more = false}), Drop::kNone);
  EXPECT_EQ(f.table.capacity().used, 0u);
}

}  // namespace
}  // namespace outrigger::engine
