// Samplers against disturbances that are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <functional>
#include <thread>

#include "measure/clock.h"
#include "measure/cpus.h"
#include "measure/spin_gap.h"
#include "measure/wakeups.h"

namespace outrigger::measure {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A thread that wants a CPU whole; with `real_time` it gets it.
class Hog {
 public:
  explicit Hog(uint32_t cpu, bool real_time = false)
      : thread_([this, cpu, real_time] {
          (void)pin(pthread_self(), cpu);
          const sched_param priority{.sched_priority = 1};
          allowed_ = !real_time || pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
          for (started_ = true; !stop_ && allowed_;) {
          }
        }) {
    while (!started_) std::this_thread::yield();
  }
  ~Hog() { end(); }
  void end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] bool allowed() const { return allowed_; }

 private:
  std::atomic<bool> stop_{false}, started_{false}, allowed_{false};
  std::thread thread_;
};

double seconds_away(const Spun& spun) {
  return spun.gaps.count() == 0 ? 0 : spun.gaps.mean() * static_cast<double>(spun.gaps.count()) / 1e9;
}
// What the thread itself had of it.
double own_seconds(const Spun& spun) { return spun.seconds - seconds_away(spun); }

struct Gathered {
  Spun spun;
  double lasted = 0;  // seconds
};

// For 600 ms at least; longer where the CPUs are another machine's.
Gathered gather(SpinGap& spin, const std::function<bool(const Spun&)>& enough) {
  Gathered all;
  const uint64_t begin = now_ns();
  for (int steps = 0; steps == 0 || (steps < 20 && !enough(all.spun)); ++steps) {
    std::this_thread::sleep_for(milliseconds(600));
    const Spun more = spin.take();
    all.spun.gaps.merge(more.gaps);
    all.spun.seconds += more.seconds;
  }
  all.lasted = static_cast<double>(now_ns() - begin) / 1e9;
  return all;
}

TEST(SpinGap, SeesWhatAnotherThreadTakesOfItsCpu) {
  const uint32_t cpu = usable_cpus().back();
  const Hog hog(cpu);
  auto spin = SpinGap::start({.cpu = cpu, .turn_ns = 100'000'000, .period_ns = 100'000'000});
  ASSERT_TRUE(spin.ok()) << spin.status();
  const Spun spun = gather(**spin, [](const Spun& seen) {
                      return seen.seconds > 0.3 && seen.gaps.above(500'000) > 10;
                    }).spun;
  EXPECT_GT(spun.seconds, 0.3);
  EXPECT_GT(seconds_away(spun), 0.3 * spun.seconds) << "half of the time was the other's";
  EXPECT_GT(spun.gaps.above(500'000), 10u);
  EXPECT_GE(spun.gaps.min(), SpinGap::kLeastGap);
}

TEST(SpinGap, TakesNoMoreThanItsTurn) {
  auto spin = SpinGap::start({.turn_ns = 2'000'000, .period_ns = 40'000'000});
  ASSERT_TRUE(spin.ok());
  const auto [spun, lasted] = gather(**spin, [](const Spun& seen) { return own_seconds(seen) > 0.010; });
  EXPECT_GT(own_seconds(spun), 0.010) << "it looked";
  EXPECT_LT(own_seconds(spun), 0.1 * lasted) << "of which a twentieth is its own";
  (*spin)->set_turn(0);
  std::this_thread::sleep_for(milliseconds(100));
  (void)(*spin)->take();
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ((*spin)->take().seconds, 0);
}

TEST(SpinGap, RefusesACpuThatIsNone) {
  const auto spin = SpinGap::start({.cpu = 100'000});
  EXPECT_EQ(spin.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(spin.status().message()), AllOf(HasSubstr("CPU 100000"), HasSubstr("those are 0")));
  EXPECT_FALSE(SpinGap::start({.turn_ns = 2, .period_ns = 1}).ok());
  EXPECT_FALSE(Wakeups::start({.cpu = 100'000}).ok());
}

TEST(Wakeups, AreCountedAtTheirRate) {
  auto wakeups = Wakeups::start({.interval_ns = 5'000'000});
  ASSERT_TRUE(wakeups.ok());
  std::this_thread::sleep_for(milliseconds(500));
  const stats::Sketch late = (*wakeups)->take();
  EXPECT_GT(late.count(), 50u);
  EXPECT_LT(late.count(), 130u);
  EXPECT_GT(late.max(), 0u);
}

// A sampler that set its next timer only when the last went off would see one wakeup late, not ten.
TEST(Wakeups, AllThatAStallDelayedAreLate) {
  const uint32_t cpu = usable_cpus().back();
  auto wakeups = Wakeups::start({.cpu = cpu, .interval_ns = 10'000'000});
  ASSERT_TRUE(wakeups.ok());
  std::this_thread::sleep_for(milliseconds(50));
  (void)(*wakeups)->take();
  const uint64_t begin = now_ns();
  Hog hog(cpu, true);
  if (!hog.allowed()) GTEST_SKIP() << "SCHED_FIFO takes rights";
  std::this_thread::sleep_for(milliseconds(200));
  hog.end();
  const uint64_t stalled = now_ns() - begin;
  std::this_thread::sleep_for(milliseconds(100));
  const stats::Sketch late = (*wakeups)->take();
  EXPECT_GT(late.above(20'000'000), 10u);
  EXPECT_GT(late.max(), stalled / 2);
  EXPECT_LT(late.max(), stalled + 200'000'000);
}

}  // namespace
}  // namespace outrigger::measure
