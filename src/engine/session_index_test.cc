#include "engine/session_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace outrigger::engine {
namespace {

TEST(SessionBuckets, BothTagComparesAgree) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    Bucket bucket;
    // Few values, so that tags, counts and entry numbers often equal the tag looked for.
    const auto small = [&] { return static_cast<uint16_t>(random() % 4); };
    for (uint16_t& tag : bucket.tags) tag = small();
    for (uint32_t& entry : bucket.entries) entry = uint32_t{small()} << 16 | small();
    bucket.overflowed = small();
    const uint16_t tag = small();
    ASSERT_EQ(slots_with(bucket, tag), slots_with_scalar(bucket, tag));
  }
}

uint32_t find(const SessionBuckets& index, uint32_t hash, uint32_t entry) {
  return index.find(hash, [&](uint32_t found) { return found == entry; });
}

TEST(SessionBuckets, OverflowsIntoTheSecondBucketAndBack) {
  std::vector<Bucket> memory(64);
  SessionBuckets index(memory.data(), 64);
  const uint32_t hash = 12345;
  for (uint32_t entry = 0; entry < 2 * Bucket::kSlots; ++entry) ASSERT_TRUE(index.insert(hash, entry));
  EXPECT_FALSE(index.insert(hash, 99));
  EXPECT_NE(index.first(hash), index.second(hash));
  EXPECT_EQ(index.at(index.first(hash)).overflowed, Bucket::kSlots);
  for (uint32_t entry = 0; entry < 2 * Bucket::kSlots; ++entry) EXPECT_EQ(find(index, hash, entry), entry);
  for (uint32_t entry = 0; entry < 2 * Bucket::kSlots; ++entry) {
    EXPECT_TRUE(index.remove(hash, entry));
    EXPECT_EQ(find(index, hash, entry), SessionBuckets::kNone);
    EXPECT_FALSE(index.remove(hash, entry));
    EXPECT_EQ(index.candidate(hash) == SessionBuckets::kNone, entry + 1 == 2 * Bucket::kSlots);
  }
  EXPECT_EQ(index.at(index.first(hash)).overflowed, 0);
}

TEST(SessionBuckets, TwoBucketsAlwaysDiffer) {
  Bucket memory[3];
  for (uint32_t count : {2u, 3u}) {
    SessionBuckets index(memory, count);
    for (uint32_t hash = 0; hash < 100000; hash += 7) {
      ASSERT_LT(index.first(hash), count);
      ASSERT_LT(index.second(hash), count);
      ASSERT_NE(index.first(hash), index.second(hash));
      ASSERT_NE(SessionBuckets::tag(hash), 0);
    }
  }
}

// The figures the header promises, for hashes as bad as consecutive numbers.
TEST(SessionBuckets, FullTableHardlyOverflows) {
  constexpr uint32_t kSessions = 1u << 20;
  for (const bool consecutive : {false, true}) {
    std::vector<Bucket> memory(SessionBuckets::count_for(kSessions));
    SessionBuckets index(memory.data(), SessionBuckets::count_for(kSessions));
    std::mt19937 random(7);
    uint32_t refused = 0;
    for (uint32_t entry = 0; entry < kSessions; ++entry) {
      if (!index.insert(consecutive ? entry : static_cast<uint32_t>(random()), entry)) ++refused;
    }
    uint32_t overflowed = 0;
    for (const Bucket& bucket : memory) overflowed += bucket.overflowed;
    EXPECT_LT(overflowed, kSessions / 500);
    EXPECT_LT(refused, kSessions / 50000);
  }
}

// Far above the load a table has: nearly every insertion into a full pair of buckets is saved by a move, and
// whatever was moved is found and removed like any other.
TEST(SessionBuckets, MovesMakeRoomAndLoseNothing) {
  constexpr uint32_t kBuckets = 64, kEntries = kBuckets * 8;
  std::vector<Bucket> memory(kBuckets);
  SessionBuckets index(memory.data(), kBuckets);
  std::mt19937 random(3);
  std::vector<uint32_t> hashes(kEntries);
  unsigned moved = 0, refused = 0;
  for (uint32_t entry = 0; entry < kEntries; ++entry) {
    hashes[entry] = static_cast<uint32_t>(random());
    if (index.insert(hashes[entry], entry)) continue;
    const bool saved = index.move_one(hashes[entry], [&](uint32_t other) { return hashes[other]; }) &&
                       index.insert(hashes[entry], entry);
    ++(saved ? moved : refused);
    if (!saved) hashes[entry] = 0;
  }
  EXPECT_GT(moved, 5u);
  EXPECT_LT(refused, moved);
  for (uint32_t entry = 0; entry < kEntries; ++entry) {
    if (hashes[entry] == 0) continue;
    EXPECT_EQ(index.find(hashes[entry], [&](uint32_t other) { return other == entry; }), entry);
    EXPECT_TRUE(index.remove(hashes[entry], entry));
  }
  for (const Bucket& bucket : memory) {
    EXPECT_EQ(bucket.overflowed, 0);
    EXPECT_EQ(slots_with(bucket, 0), (1u << Bucket::kSlots) - 1);
  }
}

}  // namespace
}  // namespace outrigger::engine
