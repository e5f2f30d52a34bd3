#include "ports/beats.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace outrigger::ports {
namespace {

using engine::Doing;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A worker under a judge, a millisecond at a time.
class Beats : public testing::Test {
 protected:
  void SetUp() override {  // the queues are not new to it
    beating_ = true;
    ASSERT_EQ(run(300, 1.0), Verdict::kAlive);
    beating_ = false;
  }
  // What the judge says first that is not kAlive, within `ms`; how long it took in ms.
  Verdict run(int ms, double cpu_share, char letter = 'R', nanoseconds grain = nanoseconds(0)) {
    for (elapsed_ = 0; elapsed_ < ms; ++elapsed_) {
      now_ += milliseconds(1);
      cpu_ += nanoseconds(static_cast<int64_t>(1e6 * cpu_share));
      const Verdict verdict = judge_.look(look_, now_, [&] {
        return ThreadState{letter, grain == nanoseconds(0) ? cpu_ : cpu_ / grain * grain, grain};
      });
      if (beating_) ++look_.beat;
      if (verdict != Verdict::kAlive) return verdict;
    }
    return Verdict::kAlive;
  }

  BeatJudge judge_{BeatLimits{milliseconds(10), milliseconds(200)}};
  Look look_{.owner = 0, .thread = 7, .beat = 1, .doing = Doing::kTurning};
  SteadyTime now_ = std::chrono::steady_clock::now();
  nanoseconds cpu_{0};
  int elapsed_ = 0;
  bool beating_ = false;
};

TEST_F(Beats, AWorkerThatBeatsIsAlive) {
  beating_ = true;
  EXPECT_EQ(run(1000, 1.0), Verdict::kAlive);
}

TEST_F(Beats, OneThatSpinsIsStalledAtOnce) {
  EXPECT_EQ(run(1000, 1.0), Verdict::kStalled);
  EXPECT_LE(elapsed_, 12);
}

TEST_F(Beats, OneThatGetsNoCpuIsToldOfOnceAndKilledLate) {
  EXPECT_EQ(run(1000, 0.0), Verdict::kStarved);
  EXPECT_LE(elapsed_, 12);
  EXPECT_EQ(run(1000, 0.0), Verdict::kStalled);
  EXPECT_NEAR(elapsed_, 190, 5);
}

TEST_F(Beats, AStarvedOneThatBeatsAgainIsForgiven) {
  EXPECT_EQ(run(1000, 0.1), Verdict::kStarved);
  ++look_.beat;
  EXPECT_EQ(run(9, 0.1), Verdict::kAlive);
}

TEST_F(Beats, AStoppedOneIsStalledWhateverItWasDoing) {
  look_.doing = Doing::kResting;
  EXPECT_EQ(run(1000, 0.0, 'T'), Verdict::kStalled);
  EXPECT_LE(elapsed_, 12);
}

TEST_F(Beats, AnIdleOneMaySleepForever) {
  look_.doing = Doing::kResting;
  EXPECT_EQ(run(5000, 0.0, 'S'), Verdict::kAlive);
}

TEST_F(Beats, ACoarseClockIsNotBelievedTooEarly) {
  EXPECT_EQ(run(1000, 1.0, 'R', milliseconds(10)), Verdict::kStalled);
  EXPECT_GE(elapsed_, 20);
  EXPECT_LE(elapsed_, 26);
}

TEST_F(Beats, AWatcherThatSleptItselfStartsAgain) {
  EXPECT_EQ(run(8, 1.0), Verdict::kAlive);
  now_ += milliseconds(500);
  judge_.restart(now_);
  EXPECT_EQ(run(8, 1.0), Verdict::kAlive);
}

TEST_F(Beats, ANewOwnerMayMendSessionsFirst) {
  look_.owner = 1;
  EXPECT_EQ(run(195, 1.0), Verdict::kAlive);
  EXPECT_EQ(run(20, 1.0), Verdict::kStalled);
}

TEST_F(Beats, AnHeirThatNeverWakesUpIsStalled) {
  look_.thread = 0;
  EXPECT_EQ(run(1000, 0.0), Verdict::kStalled);
  EXPECT_NEAR(elapsed_, 200, 5);
}

// Of a process that lives: otherwise a pidfd has told already.
TEST_F(Beats, AThreadThatHasEndedIsStalled) {
  SteadyTime start = now_;
  Verdict verdict = Verdict::kAlive;
  while (verdict == Verdict::kAlive && now_ - start < milliseconds(1000)) {
    now_ += milliseconds(1);
    verdict = judge_.look(look_, now_, [] { return std::optional<ThreadState>(); });
  }
  EXPECT_EQ(verdict, Verdict::kStalled);
  EXPECT_NEAR(static_cast<double>((now_ - start) / milliseconds(1)), 200, 5);
}

TEST_F(Beats, NobodysWorkerIsNotJudged) {
  look_.owner = engine::kNobody;
  EXPECT_EQ(run(1000, 0.0, 'T'), Verdict::kAlive);
}

TEST(ThreadStateOf, TellsStoppedFromSpinning) {
  const pid_t child = fork();
  if (child == 0) {
    for (volatile unsigned i = 0; i == 0;) {
    }
  }
  const auto before = thread_state(child, static_cast<uint32_t>(child), true);
  std::this_thread::sleep_for(milliseconds(100));
  const auto after = thread_state(child, static_cast<uint32_t>(child), true);
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->letter, 'R');
  EXPECT_GT(after->cpu - before->cpu, milliseconds(5));
  (void)kill(child, SIGSTOP);
  (void)waitpid(child, nullptr, WUNTRACED);
  EXPECT_EQ(thread_state(child, static_cast<uint32_t>(child), false)->letter, 'T');
  (void)kill(child, SIGKILL);
  (void)waitpid(child, nullptr, 0);
  EXPECT_FALSE(thread_state(child, static_cast<uint32_t>(child), true));
}

}  // namespace
}  // namespace outrigger::ports
