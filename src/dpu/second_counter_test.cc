#include "dpu/second_counter.h"

#include <atomic>
#include <chrono>

#include "gtest/gtest.h"
#include "packet/drop.h"

namespace outrigger::agent {
namespace {

std::vector<uint64_t> with(Drop drop, uint64_t count) {
  std::vector<uint64_t> drops(kDropCount);
  drops[static_cast<size_t>(drop)] = count;
  return drops;
}

TEST(SecondCounter, VerdictsAboutPacketsAreNotOurs) {
  EXPECT_EQ(SecondCounter::ours(with(Drop::kPolicyIngress, 7)), 0u);
  EXPECT_EQ(SecondCounter::ours(with(Drop::kTcpInvalidState, 7)), 0u);
  EXPECT_EQ(SecondCounter::ours(with(Drop::kNone, 7)), 0u);
  EXPECT_EQ(SecondCounter::ours(with(Drop::kTransmitFull, 7)), 7u);
  EXPECT_EQ(SecondCounter::ours(with(Drop::kBuffersExhausted, 7)), 7u);
  EXPECT_EQ(SecondCounter::ours({}), 0u);
}

TEST(SecondCounter, ASecondWithDropsIsCountedAndACounterThatBeganAnewIsNot) {
  Observations kept;
  std::atomic<uint64_t> drops{5}, incidents{0};
  const absl::Time from = steady_time() - absl::Seconds(1);
  {
    const SecondCounter counter(
        kept, {[&] { return with(Drop::kTransmitFull, drops); }, [&] { return incidents.load(); }});
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    drops = 6;
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    drops = 0;  // another engine
    incidents = 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  }
  const Measured seen = kept.between(from, steady_time());
  ASSERT_EQ(seen.seconds.size(), 2u);
  EXPECT_TRUE(seen.seconds[0].dropped && !seen.seconds[0].incident);
  EXPECT_TRUE(!seen.seconds[1].dropped && seen.seconds[1].incident);
}

}  // namespace
}  // namespace outrigger::agent
