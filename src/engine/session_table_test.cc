#include "engine/session_table.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/session_fixture.h"

namespace outrigger::engine {
namespace {

using namespace testing;

TEST(SessionTable, MemoryPerSession) {
  const size_t fixed = SessionTable::bytes_needed(1) - sizeof(Session) - 2 * sizeof(Bucket);
  EXPECT_LE(fixed, 600u << 10);
  for (uint32_t capacity : {8u, 1000u, 65536u, 1'000'003u, 10'000'000u, 16'777'215u}) {
    EXPECT_LE(SessionTable::bytes_needed(capacity), fixed + size_t{capacity} * (128 + 16)) << capacity;
  }
  EXPECT_LT(SessionTable::bytes_needed(10'000'000), 1'600'000'000u);
}

TEST(SessionTable, HoldsAsManyAsItSays) {
  SessionFixture f(1000);
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_NE(f.add(i, SessionState::kEstablished), kNoSession) << i;
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_TRUE(f.has(i));
  EXPECT_FALSE(f.has(1000));
  EXPECT_EQ(f.add(1000, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.why, Drop::kSessionTableFull);
  const Capacity capacity = f.table.capacity()[0];
  EXPECT_EQ(capacity.used, 1000u);
  EXPECT_EQ(capacity.high_water, 1000u);
  EXPECT_EQ(capacity.refused, 1u);
  for (uint32_t i = 0; i < 1000; i += 2) f.table.erase(f.find(i));
  EXPECT_EQ(f.table.used(), 500u);
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(f.has(i), i % 2 == 1);
  EXPECT_EQ(f.table.capacity()[0].high_water, 1000u);
}

TEST(SessionTable, InsertedEntryIsBlank) {
  SessionFixture f(8);
  const SessionIndex used = f.add(1, SessionState::kEstablished);
  f.table.at(used).packets[0] = 7;
  f.table.at(used).end[1].port = PortId(4);
  f.table.erase(used);
  const packet::FlowKey k = key(2);
  const SessionIndex index = f.table.insert(k, packet::hash(k), kNoPort, 55, &f.why);
  ASSERT_EQ(index, used);
  const Session& entry = f.table.at(index);
  EXPECT_EQ(entry.key, k);
  EXPECT_EQ(entry.state, SessionState::kWriting);
  EXPECT_EQ(entry.last_seen, 55u);
  EXPECT_EQ(entry.packets[0], 0u);
  EXPECT_EQ(entry.end[1], End{});
}

TEST(SessionTable, FullEvictsDisposableOldestFirstAndNeverEstablished) {
  SessionFixture f(4);
  f.add(0, SessionState::kSynSent);
  f.add(1, SessionState::kEstablished);
  f.add(2, SessionState::kDenied);
  f.add(3, SessionState::kNew);
  f.add(4, SessionState::kNew);  // instead of 0
  EXPECT_FALSE(f.has(0));
  f.change(2, SessionState::kActive);
  f.add(5, SessionState::kEstablished);  // instead of 3: 2 has been answered
  EXPECT_FALSE(f.has(3));
  f.change(1, SessionState::kTimeWait);  // closing: behind 4
  f.add(6, SessionState::kActive);
  EXPECT_FALSE(f.has(4));
  f.add(7, SessionState::kActive);
  EXPECT_FALSE(f.has(1));
  EXPECT_EQ(f.add(8, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.table.counts().evicted, 4u);
  for (uint32_t i : {2u, 5u, 6u, 7u}) EXPECT_TRUE(f.has(i)) << i;
}

TEST(SessionTable, QuotaStopsOnePortOnly) {
  SessionFixture f(16);
  f.table.set_quota(kPort, 2);
  EXPECT_NE(f.add(0, SessionState::kEstablished), kNoSession);
  EXPECT_NE(f.add(1, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.add(2, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.why, Drop::kSessionQuota);
  EXPECT_EQ(f.table.counts().refused_quota, 1u);
  EXPECT_NE(f.add(3, SessionState::kNew, PortId(4)), kNoSession);
  EXPECT_NE(f.add(4, SessionState::kNew, kNoPort), kNoSession);
  f.table.erase(f.find(0));
  EXPECT_NE(f.add(5, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.add(6, SessionState::kNew), kNoSession);
  SessionLimits limits;
  limits.default_quota = 3;
  f.table.set_limits(limits);
  f.table.set_quota(kPort, 0);
  EXPECT_NE(f.add(7, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.add(8, SessionState::kNew), kNoSession);
}

// A flood from one port fills its quota and evicts nobody else, even when the table is full.
TEST(SessionTable, QuotaIsRefusedBeforeAnythingIsEvicted) {
  SessionFixture f(4);
  f.table.set_quota(PortId(9), 1);
  f.add(0, SessionState::kNew);
  f.add(1, SessionState::kNew);
  f.add(2, SessionState::kNew);
  f.add(3, SessionState::kNew, PortId(9));
  EXPECT_EQ(f.add(4, SessionState::kNew, PortId(9)), kNoSession);
  EXPECT_EQ(f.why, Drop::kSessionQuota);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(f.has(i));
}

TEST(SessionTable, CandidateOfAnErasedSessionIsNotConfirmed) {
  SessionFixture f(8);
  const SessionIndex index = f.add(1, SessionState::kNew);
  const packet::FlowKey k = key(1);
  const SessionIndex candidate = f.table.candidate(packet::hash(k));
  EXPECT_EQ(candidate, index);
  f.table.erase(index);
  EXPECT_EQ(f.table.confirm(candidate, k, packet::hash(k)), kNoSession);
  EXPECT_EQ(f.add(2, SessionState::kNew), index);
  EXPECT_EQ(f.table.confirm(candidate, k, packet::hash(k)), kNoSession);
  f.table.erase(index);
  f.table.erase(index);  // twice does no harm
  EXPECT_EQ(f.table.used(), 0u);
}

// Keys that share both buckets, as an attacker who knows the hash would choose them.
std::vector<uint32_t> colliding(uint32_t capacity, size_t count) {
  SessionBuckets index(nullptr, SessionBuckets::count_for(capacity));
  const uint32_t wanted = packet::hash(key(0));
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; numbers.size() < count; ++i) {
    const uint32_t hash = packet::hash(key(i));
    if (index.first(hash) == index.first(wanted) && index.second(hash) == index.second(wanted))
      numbers.push_back(i);
  }
  return numbers;
}

TEST(SessionTable, CollidingKeysEvictEachOtherFirst) {
  SessionFixture f(100);
  const auto numbers = colliding(100, 22);
  f.add(numbers[0], SessionState::kEstablished);
  for (size_t i = 1; i < 20; ++i) {
    ++f.now;
    ASSERT_NE(f.add(numbers[i], SessionState::kNew), kNoSession);
  }
  EXPECT_NE(f.add(numbers[20], SessionState::kNew), kNoSession);
  EXPECT_FALSE(f.has(numbers[1]));
  EXPECT_TRUE(f.has(numbers[0]));
  for (size_t i = 2; i <= 20; ++i) f.change(numbers[i], SessionState::kActive);
  EXPECT_EQ(f.add(numbers[21], SessionState::kNew), kNoSession);
  EXPECT_EQ(f.why, Drop::kSessionTableFull);
  EXPECT_EQ(f.table.capacity()[1].refused, 1u);
  EXPECT_EQ(f.table.used(), 20u);
  f.table.erase(f.find(numbers[5]));
  EXPECT_NE(f.add(numbers[21], SessionState::kNew), kNoSession);
}

}  // namespace
}  // namespace outrigger::engine
