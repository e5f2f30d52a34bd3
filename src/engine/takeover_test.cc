// What happens to sessions and packets when the queues change hands.
#include "engine/takeover_fixture.h"

namespace outrigger::engine::takeover {
namespace {

TEST_F(TakeoverTest, NobodyServesUntilItHasTheWord) {
  EXPECT_EQ(engines[0]->role(), Role::kStandby);
  ASSERT_TRUE(send(kLeft, udp(true, 1)));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(collect(kRight), 0u);
  EXPECT_EQ(count(&WorkerCounters::turns), 0u);
  give_to(0);
  EXPECT_EQ(arrive(kRight, 1), 1u);
  EXPECT_EQ(engines[0]->role(), Role::kActive);
  EXPECT_EQ(engines[1]->role(), Role::kStandby);
}

TEST_F(TakeoverTest, SessionsAreKeptAndDecidedOnceMoreByTheNew) {
  give_to(0);
  for (uint16_t port = 100; port < 150; ++port) ASSERT_TRUE(send(kLeft, udp(true, port)));
  EXPECT_EQ(arrive(kRight, 50), 50u);
  give_to(1);
  EXPECT_EQ(engines[1]->role(), Role::kActive);
  EXPECT_EQ(engines[0]->role(), Role::kStandby);
  for (int round = 0; round < 3; ++round) {
    for (uint16_t port = 100; port < 150; ++port) ASSERT_TRUE(send(kRight, udp(false, port)));
    EXPECT_EQ(arrive(kLeft, 50), 50u);
  }
  EXPECT_EQ(count(&WorkerCounters::decided), 50u);    // none was opened anew
  EXPECT_EQ(count(&WorkerCounters::redecided), 50u);  // each was asked about once
  for (const Session& session : engines[1]->sessions(100)) EXPECT_EQ(session.state, SessionState::kActive);
  EXPECT_EQ(engines[1]->sessions(100).size(), 50u);
}

TEST_F(TakeoverTest, WhatTheNewEngineDeniesStopsAtItsFirstPacket) {
  give_to(0);
  ASSERT_TRUE(send(kLeft, udp(true, 200)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  decide[1] = deny;
  apply(1);
  apply(0);  // the old one publishes after it: its epoch is the higher
  ASSERT_TRUE(send(kLeft, udp(true, 200)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  give_to(1);
  ASSERT_TRUE(send(kLeft, udp(true, 200)));
  ASSERT_TRUE(send(kRight, udp(false, 200)));
  EXPECT_EQ(arrive(kRight, 1), 0u);
  EXPECT_EQ(arrive(kLeft, 1), 0u);
  EXPECT_EQ(dropped(Drop::kPolicyIngress), 2u);
  // And a later publication of its own, which changes nothing for the flow, opens nothing.
  apply(1);
  ASSERT_TRUE(send(kRight, udp(false, 200)));
  EXPECT_EQ(arrive(kLeft, 1), 0u);
}

TEST_F(TakeoverTest, ThereAndBackUnderTrafficLosesNothing) {
  give_to(0);
  std::atomic<bool> stop{false};
  std::atomic<size_t> sent{0};
  size_t received = 0;
  std::thread sender([&] {
    for (uint16_t i = 0; !stop.load(); ++i) {
      if (send(kLeft, udp(true, static_cast<uint16_t>(300 + i % 64)))) sent.fetch_add(1);
      if (i % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  for (unsigned swap = 1; swap <= 20; ++swap) {
    give_to(swap % 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    received += collect(kRight);
  }
  stop = true;
  sender.join();
  received += arrive(kRight, sent - received);
  EXPECT_EQ(received, sent.load());
  EXPECT_EQ(dropped(Drop::kHandOverFull), 0u);
  EXPECT_EQ(engines[0]->sessions(1000).size(), 64u);
}

// Or they would be in the pool twice, once it is made whole after the death of the next.
TEST_F(TakeoverTest, WhoHasLetGoHoldsNoBuffer) {
  give_to(0);
  for (uint64_t mark = 1; mark < 10; ++mark)
    ASSERT_TRUE(engines[0]->probe(kProbeA, udp(true, 7, mark), mark + 100, 5).ok());  // nobody fetches it
  ASSERT_TRUE(send(kLeft, udp(true, 1)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  give_to(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
}

TEST_F(TakeoverTest, ADeadWriterCostsOnlyWhatItWasWriting) {
  give_to(0);
  for (uint16_t port = 500; port < 520; ++port) ASSERT_TRUE(send(kLeft, udp(true, port)));
  EXPECT_EQ(arrive(kRight, 20), 20u);
  engines[0].reset();  // gone without letting go; and as if in the middle of a change:
  Drop why = Drop::kNone;
  packet::FlowKey key{};
  key.a_port = 9;
  SessionTable table(memory->sessions(0), 4096);
  ASSERT_NE(table.insert(key, packet::hash(key), kNoPort, 1, &why), kNoSession);
  ASSERT_TRUE(table.torn());
  Ownership(*memory).seize(1);
  for (uint16_t port = 500; port < 520; ++port) ASSERT_TRUE(send(kRight, udp(false, port)));
  EXPECT_EQ(arrive(kLeft, 20), 20u);
  EXPECT_FALSE(SessionTable(memory->sessions(0), 4096).torn());
  EXPECT_EQ(engines[1]->sessions(100).size(), 20u);
  EXPECT_EQ(count(&WorkerCounters::decided), 20u);
}

}  // namespace
}  // namespace outrigger::engine::takeover
