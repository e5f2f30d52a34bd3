#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "engine/session_fixture.h"
#include "engine/session_layout.h"

namespace outrigger::engine {
namespace {

using namespace testing;

TEST(SessionShare, SecondViewAttachesAndGoesOn) {
  SessionFixture f(64);
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

TEST(SessionShare, AnotherLayoutIsRefusedAndLeftAlone) {
  SessionFixture f(64);
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
TEST(SessionShare, RepairGivesUpOnlyWhatWasHalfWritten) {
  SessionFixture f(64);
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

TEST(SessionShare, RepairSurvivesAHeaderThatWasWrittenOver) {
  SessionFixture f(16384);
  for (uint32_t i = 0; i < 9000; ++i) f.add(i, SessionState::kEstablished, kNoPort);
  auto* header = reinterpret_cast<SessionHeader*>(f.memory.span().data());
  header->fresh.set(1u << 30);
  header->busy = 1;
  int signs = 0;
  f.table.repair(f.now, [&] { ++signs; });
  EXPECT_EQ(f.table.used(), 9000u);
  EXPECT_GE(signs, 4);  // a watcher sees that it is at work
  EXPECT_TRUE(f.has(8999));
}

TEST(SessionShare, CopySkipsWhatIsNotASession) {
  SessionFixture f(64);
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
TEST(SessionShare, CopyIsNeverTwoSessions) {
  SessionFixture f(16);
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
