#include "inventory/watch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "procfs/fake_proc.h"

namespace outrigger::inventory {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

procfs::Activity at(uint64_t cpu_ns, uint64_t voluntary = 0, uint64_t involuntary = 0, uint64_t wait = 0) {
  procfs::Activity one;
  one.cpu_ns = cpu_ns;
  one.cpu_ticks = cpu_ns / 10'000'000;
  one.voluntary = voluntary;
  one.involuntary = involuntary;
  one.run_queue_wait_ns = wait;
  return one;
}

TEST(Watch, RatesAndDeviationOverWindows) {
  const ProcessKey a{1, 100}, b{2, 100};
  Watch watch(Activities{{a, at(5 * kSecond, 10)}, {b, at(0)}});
  watch.add({{a, at(5 * kSecond + kSecond / 2, 30, 4, kSecond / 10)}, {b, at(0)}}, 1);
  watch.add({{a, at(5 * kSecond + kSecond / 2, 30, 4, kSecond / 10)}, {b, at(kSecond / 4)}}, 1);
  const offload::Noise both = watch.noise_of({a, b});
  EXPECT_DOUBLE_EQ(both.watched_seconds, 2);
  EXPECT_DOUBLE_EQ(both.cpu, 0.375);
  EXPECT_NEAR(both.cpu_deviation, 0.25 / std::sqrt(2.0), 1e-9) << "0.5 and 0.25 in their windows";
  EXPECT_DOUBLE_EQ(both.wakeups_per_second, 10);
  EXPECT_DOUBLE_EQ(both.switches_per_second, 12);
  EXPECT_DOUBLE_EQ(both.run_queue_wait, 0.05);
  EXPECT_DOUBLE_EQ(watch.noise_of({b}).cpu, 0.125);
  EXPECT_NEAR(watch.noise_of({a}).cpu_deviation, 0.5 / std::sqrt(2.0), 1e-9)
      << "doing nothing is a window, too";
}

TEST(Watch, WhoHasTheNumberOfAnotherIsNotThatOther) {
  const ProcessKey before{7, 100}, after{7, 200};
  Watch watch(Activities{{before, at(50 * kSecond, 1000)}});
  watch.add({{after, at(kSecond / 10, 3)}}, 1);
  EXPECT_DOUBLE_EQ(watch.noise_of({after}).cpu, 0.1) << "it began since";
  EXPECT_DOUBLE_EQ(watch.noise_of({after}).wakeups_per_second, 3);
  EXPECT_DOUBLE_EQ(watch.noise_of({before}).cpu, 0);
}

TEST(Watch, ThreadsThatEndedAreNotLost) {
  const ProcessKey key{7, 100};
  procfs::Activity now = at(kSecond);  // a thread took its nanoseconds away
  now.cpu_ticks = 680;
  procfs::Activity before = at(6 * kSecond);
  before.cpu_ticks = 600;
  Watch watch(Activities{{key, before}});
  watch.add({{key, now}}, 1);
  EXPECT_NEAR(watch.noise_of({key}).cpu, 0.8, 1e-9);
}

TEST(Watch, OfAMadeUpHost) {
  const procfs::FakeProc proc;
  proc.add({.pid = 5, .voluntary = 1});
  uint32_t heard = 0;
  const Watch watched = watch(proc.root(), std::chrono::milliseconds(20), [&](double) {
    ++heard;
    proc.add({.pid = 5, .voluntary = 100});
  });
  EXPECT_EQ(watched.windows(), 1u);
  EXPECT_EQ(heard, 1u);
  EXPECT_EQ(read_activities(proc.root()).size(), 1u);
}

TEST(Watch, OneLookGivesRatesSinceTheStart) {
  procfs::Process old, fresh;
  old.start_ticks = 100;  // a second after the host's start
  old.cpu_ns = 50 * kSecond;
  old.cpu_ticks = 5000;
  old.voluntary = 300;
  old.involuntary = 200;
  fresh.start_ticks = 100'095;  // 0.05 s ago
  fresh.cpu_ns = kSecond / 100;
  const offload::Noise noise = noise_since_start({&old, &fresh}, 1001);
  EXPECT_NEAR(noise.cpu, 0.06, 1e-9);
  EXPECT_NEAR(noise.switches_per_second, 0.5, 1e-9);
  EXPECT_NEAR(noise.wakeups_per_second, 0.3, 1e-9);
  EXPECT_EQ(noise.watched_seconds, 0);
  EXPECT_EQ(noise.cpu_deviation, 0) << "one look knows none";
}

}  // namespace
}  // namespace outrigger::inventory
