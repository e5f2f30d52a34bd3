#include <gtest/gtest.h>

#include "engine/session_fixture.h"
#include "engine/timer_wheel.h"

namespace outrigger::engine {
namespace {

using namespace testing;

struct TimeoutRow {
  SessionState state;
  uint8_t protocol;
  Tick timeout;
};

TEST(SessionTime, EachStateHasItsTimeout) {
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
    SessionFixture f(8);
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

TEST(SessionTime, PacketsKeepASessionAlive) {
  for (const SessionState state : {SessionState::kNew, SessionState::kActive, SessionState::kDenied}) {
    SessionFixture f(8);
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

TEST(SessionTime, ClosingShortensTheTimeout) {
  SessionFixture f(8);
  f.add(0, SessionState::kEstablished);
  f.pass(16);
  f.change(0, SessionState::kFinWait);
  f.pass(118 * kTicksPerSecond);
  EXPECT_TRUE(f.has(0));
  f.pass(4 * kTicksPerSecond);
  EXPECT_FALSE(f.has(0));
}

// A stalled worker: whatever the jump, each turn's work is bounded, and soon all is as it should be.
TEST(SessionTime, ClockJumpIsCaughtUpWithBoundedTurns) {
  for (const Tick jump : {70'000u, 140'000u, 100'000'000u, 4'000'000'000u}) {
    SessionFixture f(1000);
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

}  // namespace
}  // namespace outrigger::engine
