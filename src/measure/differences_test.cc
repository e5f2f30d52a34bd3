#include "measure/differences.h"

#include <gtest/gtest.h>

namespace outrigger::measure {
namespace {

procfs::HostCounts counts(uint64_t user, uint64_t idle) {
  procfs::HostCounts out;
  out.cpu[0] = {.user = user, .idle = idle};
  return out;
}

TEST(Differences, SharesAreOfWhatTheCpuCounted) {
  Window window;
  add_differences(counts(100, 1000), counts(130, 1090), 1.0, window);  // 120 ticks: the window was late
  EXPECT_DOUBLE_EQ(window.cpu.at(0).user, 0.25);
  EXPECT_DOUBLE_EQ(window.cpu.at(0).idle, 0.75);
}

TEST(Differences, RatesAreASecond) {
  procfs::HostCounts before, after;
  before.switches = 10, after.switches = 110;
  before.interrupts = 5, after.interrupts = 6;
  before.softirqs["NET_RX"] = 1, after.softirqs["NET_RX"] = 41;
  before.pressure_us["cpu.some"] = 0, after.pressure_us["cpu.some"] = 500'000;
  before.run_queue_wait_ns[1] = 0, after.run_queue_wait_ns[1] = 6'000'000'000;
  Window window;
  add_differences(before, after, 2.0, window);
  EXPECT_DOUBLE_EQ(window.switches, 50);
  EXPECT_DOUBLE_EQ(window.interrupts, 0.5);
  EXPECT_DOUBLE_EQ(window.softirqs.at("NET_RX"), 20);
  EXPECT_DOUBLE_EQ(window.pressure.at("cpu.some"), 0.25);
  EXPECT_DOUBLE_EQ(window.run_queue_wait.at(1), 3);
}

TEST(Differences, CountersThatWentBackDoNotMakeHugeNumbers) {
  procfs::HostCounts before = counts(100, 1000), after = counts(150, 900);
  before.switches = 10, after.switches = 5;
  Window window;
  add_differences(before, after, 1.0, window);
  EXPECT_DOUBLE_EQ(window.cpu.at(0).user, 1);
  EXPECT_DOUBLE_EQ(window.cpu.at(0).idle, 0);
  EXPECT_DOUBLE_EQ(window.switches, 0);
}

TEST(Differences, ACpuThatCameOrStoodStillHasNoShares) {
  procfs::HostCounts before = counts(100, 1000), after = counts(100, 1000);
  after.cpu[1] = {.user = 5};
  after.softirqs["NEW"] = 7;
  Window window;
  add_differences(before, after, 1.0, window);
  EXPECT_TRUE(window.cpu.empty());
  EXPECT_TRUE(window.softirqs.empty());
}

}  // namespace
}  // namespace outrigger::measure
