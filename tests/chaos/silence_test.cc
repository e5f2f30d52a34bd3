#include "chaos/silence.h"

#include <gtest/gtest.h>

namespace outrigger::chaos {
namespace {

constexpr Nanoseconds kMicro = 1000;

// Packets 100 us apart, each on its way for 20 us.
struct Trace {
  std::vector<Nanoseconds> sent_at;
  std::vector<Arrival> arrivals;

  explicit Trace(size_t packets) {
    for (size_t i = 0; i < packets; ++i) {
      sent_at.push_back(static_cast<Nanoseconds>(i) * 100 * kMicro);
      arrivals.push_back({i, sent_at.back() + 20 * kMicro});
    }
  }
  [[nodiscard]] Judgement judged(Nanoseconds threshold = 500 * kMicro) const {
    return judge(sent_at, arrivals, threshold, sent_at.back() + 20 * kMicro);
  }
};

TEST(Silence, IsTheDelayWhileAllIsWell) {
  const Judgement found = Trace(100).judged();
  EXPECT_EQ(found.sent, 100u);
  EXPECT_EQ(found.received, 100u);
  EXPECT_EQ(found.lost, 0u);
  EXPECT_EQ(found.longest.length, 20 * kMicro);
  EXPECT_TRUE(found.silences.empty());
}

TEST(Silence, HoldsWhatWasLostInIt) {
  Trace run(100);
  run.arrivals.erase(run.arrivals.begin() + 40, run.arrivals.begin() + 50);
  const Judgement found = run.judged();
  EXPECT_EQ(found.lost, 10u);
  ASSERT_EQ(found.silences.size(), 1u);
  EXPECT_EQ(found.silences[0].began, run.sent_at[40]);
  EXPECT_EQ(found.silences[0].length, 1020 * kMicro);
  EXPECT_EQ(found.silences[0].lost, 10u);
}

TEST(Silence, CountsWhatWasOnlyHeldBack) {
  Trace run(100);
  for (size_t i = 40; i < 50; ++i) run.arrivals[i].at = run.sent_at[50];
  const Judgement found = run.judged();
  EXPECT_EQ(found.lost, 0u);
  ASSERT_EQ(found.silences.size(), 1u);
  EXPECT_EQ(found.silences[0].length, 1000 * kMicro);
}

TEST(Silence, IsNotMadeByASenderThatPaused) {
  Trace run(100);
  for (size_t i = 50; i < 100; ++i) {
    run.sent_at[i] += 5000 * kMicro;
    run.arrivals[i].at += 5000 * kMicro;
  }
  const Judgement found = run.judged();
  EXPECT_EQ(found.longest.length, 20 * kMicro);
  EXPECT_TRUE(found.silences.empty());
}

TEST(Silence, LastsToTheEndWhenNothingComesAnyMore) {
  Trace run(100);
  run.arrivals.resize(40);
  const Judgement found = run.judged();
  EXPECT_EQ(found.lost, 60u);
  EXPECT_EQ(found.longest.length, run.sent_at[99] + 20 * kMicro - run.sent_at[40]);
}

TEST(Silence, CountsLateAndDoublePackets) {
  Trace run(10);
  std::swap(run.arrivals[4].sequence, run.arrivals[5].sequence);
  run.arrivals.push_back(run.arrivals.back());
  const Judgement found = run.judged();
  EXPECT_EQ(found.reordered, 1u);
  EXPECT_EQ(found.duplicates, 1u);
  EXPECT_EQ(found.lost, 0u);
}

}  // namespace
}  // namespace outrigger::chaos
