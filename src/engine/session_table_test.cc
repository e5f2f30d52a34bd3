#include "engine/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

#include "engine/session_layout.h"
#include "engine/session_memory.h"
#include "packet/packet_info.h"

namespace outrigger::engine {
namespace {

constexpr PortId kPort{3};

packet::FlowKey key(uint32_t number, uint8_t protocol = packet::kUdp) {
  bool reverse;
  return packet::FlowKey::make(Vni(1), protocol, IpAddress::v4(0x0a000000 | number),
                               IpAddress::v4(0x0b000000), 1000, 53, &reverse);
}

struct Fixture {
  explicit Fixture(uint32_t capacity)
      : memory(SessionTable::bytes_needed(capacity)), table(memory.span(), capacity) {
    table.set_limits({});
  }

  SessionIndex add(uint32_t number, SessionState state, PortId charged = kPort) {
    const packet::FlowKey k = key(number);
    const SessionIndex index = table.insert(k, packet::hash(k), charged, now, &why);
    if (index == kNoSession) return index;
    table.at(index).state = state;
    table.settle(index, now);
    return index;
  }
  SessionIndex find(uint32_t number) const {
    const packet::FlowKey k = key(number);
    const SessionIndex found = table.find(k, packet::hash(k));
    table.prefetch_bucket(packet::hash(k));
    EXPECT_EQ(table.confirm(table.candidate(packet::hash(k)), k, packet::hash(k)), found);
    return found;
  }
  bool has(uint32_t number) const { return find(number) != kNoSession; }
  void change(uint32_t number, SessionState state) {
    const SessionIndex index = find(number);
    table.at(index).state = state;
    table.settle(index, now);
  }
  void touch(uint32_t number) { table.at(find(number)).last_seen = now; }
  // Lets time pass as a worker would, four turns a tick.
  void pass(Tick ticks) {
    for (const Tick end = now + ticks; now < end;) {
      ++now;
      for (int turn = 0; turn < 4; ++turn) table.age(now, 4);
    }
  }

  SessionMemory memory;
  SessionTable table;
  Tick now = 1000;
  Drop why = Drop::kNone;
};

TEST(SessionTable, MemoryPerSession) {
  const size_t fixed = SessionTable::bytes_needed(1) - sizeof(Session) - 2 * sizeof(Bucket);
  EXPECT_LE(fixed, 600u << 10);
  for (uint32_t capacity : {8u, 1000u, 65536u, 1'000'003u, 10'000'000u, 16'777'215u}) {
    EXPECT_LE(SessionTable::bytes_needed(capacity), fixed + size_t{capacity} * (128 + 16)) << capacity;
  }
  EXPECT_LT(SessionTable::bytes_needed(10'000'000), 1'600'000'000u);
}

TEST(SessionTable, HoldsAsManyAsItSays) {
  Fixture f(1000);
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
  Fixture f(8);
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
  Fixture f(4);
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
  Fixture f(16);
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
  Fixture f(4);
  f.table.set_quota(PortId(9), 1);
  f.add(0, SessionState::kNew);
  f.add(1, SessionState::kNew);
  f.add(2, SessionState::kNew);
  f.add(3, SessionState::kNew, PortId(9));
  EXPECT_EQ(f.add(4, SessionState::kNew, PortId(9)), kNoSession);
  EXPECT_EQ(f.why, Drop::kSessionQuota);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(f.has(i));
}

struct TimeoutRow {
  SessionState state;
  uint8_t protocol;
  Tick timeout;
};

TEST(SessionTable, EachStateHasItsTimeout) {
  const SessionLimits limits;
  const TimeoutRow rows[] = {
      {SessionState::kDenied, packet::kUdp, limits.embryonic},
      {SessionState::kNew, packet::kIcmp, limits.embryonic},
      {SessionState::kSynSent, packet::kTcp, limits.embryonic},
      {SessionState::kSynReceived, packet::kTcp, limits.embryonic},
      {SessionState::kClosing, packet::kTcp, limits.embryonic},
      {SessionState::kTimeWait, packet::kTcp, limits.embryonic},
      {SessionState::kReset, packet::kTcp, limits.embryonic},
      {SessionState::kActive, packet::kUdp, limits.udp},
      {SessionState::kActive, packet::kSctp, limits.udp},
      {SessionState::kActive, packet::kIcmp, limits.icmp},
      {SessionState::kActive, packet::kIcmpV6, limits.icmp},
      {SessionState::kFinWait, packet::kTcp, limits.half_closed},
      {SessionState::kEstablished, packet::kTcp, limits.established},
  };
  for (const TimeoutRow& row : rows) {
    Fixture f(8);
    f.pass(5);
    const packet::FlowKey k = key(1, row.protocol);
    const SessionIndex index = f.table.insert(k, packet::hash(k), kPort, f.now, &f.why);
    f.table.at(index).state = row.state;
    f.table.settle(index, f.now);
    f.pass(row.timeout - 1);
    EXPECT_EQ(f.table.used(), 1u) << int(row.state);
    f.pass(2 * kTicksPerSecond);
    EXPECT_EQ(f.table.used(), 0u) << int(row.state);
    EXPECT_EQ(f.table.counts().expired, 1u);
  }
}

TEST(SessionTable, PacketsKeepASessionAlive) {
  for (const SessionState state : {SessionState::kNew, SessionState::kActive, SessionState::kDenied}) {
    Fixture f(8);
    f.add(0, state);
    f.add(1, state);
    for (int second = 0; second < 1000; ++second) {
      f.touch(0);
      f.pass(kTicksPerSecond);
    }
    EXPECT_TRUE(f.has(0)) << int(state);
    EXPECT_FALSE(f.has(1)) << int(state);  // not held up by the busy one before it
    f.pass(400 * kTicksPerSecond);
    EXPECT_EQ(f.table.used(), 0u);
  }
}

TEST(SessionTable, ClosingShortensTheTimeout) {
  Fixture f(8);
  f.add(0, SessionState::kEstablished);
  f.pass(16);
  f.change(0, SessionState::kFinWait);
  f.pass(118 * kTicksPerSecond);
  EXPECT_TRUE(f.has(0));
  f.pass(4 * kTicksPerSecond);
  EXPECT_FALSE(f.has(0));
}

// A stalled worker: whatever the jump, each turn's work is bounded, and soon all is as it should be.
TEST(SessionTable, ClockJumpIsCaughtUpWithBoundedTurns) {
  for (const Tick jump : {70'000u, 140'000u, 100'000'000u, 4'000'000'000u}) {
    Fixture f(1000);
    for (uint32_t i = 0; i < 1000; ++i) {
      f.now += 3;
      f.add(i, i % 2 == 0 ? SessionState::kNew : SessionState::kActive);
    }
    f.now += jump;
    f.add(2000, SessionState::kActive);
    unsigned turns = 0;
    for (; f.table.used() > 1 && turns < 20'000; ++turns) {
      const uint32_t before = f.table.used();
      f.table.age(f.now, 4);
      ASSERT_LE(before - f.table.used(), 4u);
    }
    EXPECT_TRUE(f.has(2000));
    EXPECT_EQ(f.table.used(), 1u);
    EXPECT_LE(turns, 1000u / 2 + 2 * TimerWheel::kSlots);
  }
}

TEST(SessionTable, CandidateOfAnErasedSessionIsNotConfirmed) {
  Fixture f(8);
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
  Fixture f(100);
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

TEST(SessionTable, SecondViewAttachesAndGoesOn) {
  Fixture f(64);
  f.add(1, SessionState::kEstablished);
  f.add(2, SessionState::kNew);
  SessionTable next(f.memory.span(), 64);
  ASSERT_TRUE(next.usable());
  EXPECT_FALSE(next.torn());
  EXPECT_EQ(next.used(), 2u);
  EXPECT_EQ(next.find(key(1), packet::hash(key(1))), f.find(1));
  next.erase(f.find(2));
  EXPECT_FALSE(f.has(2));
}

TEST(SessionTable, AnotherLayoutIsRefusedAndLeftAlone) {
  Fixture f(64);
  f.add(1, SessionState::kEstablished);
  EXPECT_FALSE(SessionTable(f.memory.span(), 65).usable());
  EXPECT_FALSE(SessionTable(f.memory.span().first(1000), 64).usable());
  auto* header = reinterpret_cast<SessionHeader*>(f.memory.span().data());
  header->layout = kSessionLayout + 1;
  EXPECT_FALSE(SessionTable(f.memory.span(), 64).usable());
  header->layout = kSessionLayout;
  EXPECT_TRUE(f.has(1));
}

// A writer killed anywhere: whatever its links were, the next one has every settled session and no
// half-written one.
TEST(SessionTable, RepairGivesUpOnlyWhatWasHalfWritten) {
  Fixture f(64);
  f.table.set_quota(kPort, 3);
  f.add(1, SessionState::kEstablished);
  f.now += 16;
  f.add(2, SessionState::kNew);
  f.now += 16;
  f.add(3, SessionState::kNew, PortId(7));
  const packet::FlowKey half = key(4);
  ASSERT_NE(f.table.insert(half, packet::hash(half), kPort, f.now, &f.why), kNoSession);

  SessionTable next(f.memory.span(), 64);
  EXPECT_TRUE(next.torn());
  auto* header = reinterpret_cast<SessionHeader*>(f.memory.span().data());
  header->queue = {63, 63};
  header->free = 2;
  header->wheel.count = 99;
  next.repair(f.now);
  EXPECT_FALSE(next.torn());
  EXPECT_EQ(next.used(), 3u);
  for (uint32_t i : {1u, 2u, 3u}) EXPECT_TRUE(f.has(i)) << i;
  EXPECT_FALSE(f.has(4));
  EXPECT_NE(f.add(5, SessionState::kNew), kNoSession);
  EXPECT_EQ(f.add(6, SessionState::kNew), kNoSession);  // 1, 2 and 5 are the port's three
  for (uint32_t i = 10; f.table.used() < 64; ++i)
    ASSERT_NE(f.add(i, SessionState::kActive, kNoPort), kNoSession);
  f.add(100, SessionState::kActive, kNoPort);
  EXPECT_FALSE(f.has(2));  // the oldest of the queue before the crash
  EXPECT_TRUE(f.has(3));
  f.pass(40 * kTicksPerSecond);
  EXPECT_FALSE(f.has(3));
}

TEST(SessionTable, CopySkipsWhatIsNotASession) {
  Fixture f(64);
  for (uint32_t i = 0; i < 5; ++i) f.add(i, SessionState::kActive);
  f.table.erase(f.find(2));
  const packet::FlowKey k = key(9);
  f.table.insert(k, packet::hash(k), kPort, f.now, &f.why);  // takes 2's entry, and is not settled
  std::vector<Session> out;
  f.table.copy(100, out);
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].key, key(0));
  EXPECT_EQ(out[3].key, key(4));
  out.clear();
  f.table.copy(2, out);
  EXPECT_EQ(out.size(), 2u);
}

// Every copy is one session: here each one's rule and ends are made from its key.
TEST(SessionTable, CopyIsNeverTwoSessions) {
  Fixture f(16);
  std::atomic<bool> stop = false;
  size_t copied = 0;
  std::thread reader([&] {
    std::vector<Session> out;
    while (!stop.load(std::memory_order_relaxed)) {
      out.clear();
      f.table.copy(16, out);
      copied += out.size();
      for (const Session& session : out) {
        const uint32_t number = session.key.a.v4_value() & 0xffffff;
        ASSERT_EQ(session.rule, number);
        ASSERT_EQ(session.end[0].port.value(), static_cast<uint16_t>(number));
        ASSERT_EQ(session.end[1].endpoint, number);
      }
    }
  });
  for (uint32_t i = 0; i < 300'000; ++i) {
    const packet::FlowKey k = key(i);
    const SessionIndex index = f.table.insert(k, packet::hash(k), kPort, f.now, &f.why);
    Session& entry = f.table.at(index);
    entry.rule = i;
    entry.end[0].port = PortId(static_cast<uint16_t>(i));
    entry.end[1].endpoint = i;
    entry.state = SessionState::kNew;
    f.table.settle(index, f.now);
  }
  stop.store(true);
  reader.join();
  EXPECT_GT(copied, 0u);
}

}  // namespace
}  // namespace outrigger::engine
