#include "measure/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "measure/clock.h"
#include "measure/machine.h"

namespace outrigger::measure {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

RunOptions short_run() {
  RunOptions options;
  options.seconds = 0.9;
  options.window_s = 0.3;
  options.head.label = "before";
  options.recorder.spin = {.turn_ns = 5'000'000, .period_ns = 100'000'000};
  return options;
}

TEST(Run, LeavesWindowsThatFollowEachOther) {
  const auto measured = run(short_run());
  ASSERT_TRUE(measured.ok()) << measured.status();
  ASSERT_EQ(measured->windows.size(), 3u);
  uint64_t end = 0;
  for (const Window& window : measured->windows) {
    EXPECT_EQ(window.start_ms, end);
    end += window.length_ms;
    EXPECT_EQ(window.clock_step_us, 0);
    EXPECT_FALSE(window.cpu.empty());
    EXPECT_GT(window.switches, 0);
    EXPECT_GT(window.spun, 0);
    EXPECT_GT(window.wakeups.count(), 10u);
    EXPECT_GT(window.own_memory, 1u << 20);
  }
  EXPECT_NEAR(static_cast<double>(end), 900, 300);
  EXPECT_EQ(measured->machine, this_machine());
  EXPECT_FALSE(measured->machine.kernel.empty());
  EXPECT_GT(measured->machine.cpus, 0u);
  EXPECT_THAT(measured->notes, Contains(HasSubstr("5 ms of each 100 ms")));
  EXPECT_THAT(measured->notes, Contains(HasSubstr("no application was probed")));
  const auto again = parse(to_text(*measured), "again");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(to_text(*again), to_text(*measured));
}

TEST(Run, IsKeptWhenItIsStopped) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  RunOptions options = short_run();
  options.seconds = 60;
  options.stop = ends[0];
  options.each = [&](const Window&) { ASSERT_EQ(::write(ends[1], "x", 1), 1); };
  const uint64_t begun = now_ns();
  const auto measured = run(options);
  ASSERT_TRUE(measured.ok());
  EXPECT_LT(now_ns() - begun, 5'000'000'000u);
  EXPECT_EQ(measured->windows.size(), 2u);
  EXPECT_THAT(measured->notes, Contains(HasSubstr("ended early")));
  EXPECT_TRUE(parse(to_text(*measured), "cut").ok());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Run, RefusesWhatMakesNoSense) {
  const auto error = [](double seconds, double window) {
    RunOptions options = short_run();
    options.seconds = seconds;
    options.window_s = window;
    return std::string(run(options).status().message());
  };
  EXPECT_THAT(error(10, 0.001), HasSubstr("a window of 0.001 s"));
  EXPECT_THAT(error(0.5, 1), HasSubstr("a run of 0.5 s"));
  EXPECT_THAT(error(1e9, 1), HasSubstr("a run of"));
  EXPECT_THAT(error(2e6, 1), HasSubstr("more than a million windows"));
}

TEST(Run, SaysWhatCouldNotBeSeen) {
  RunOptions options = short_run();
  options.seconds = 0.3;
  options.recorder.proc = "/no/such/proc";
  const auto measured = run(options);
  ASSERT_TRUE(measured.ok());
  EXPECT_TRUE(measured->windows[0].cpu.empty());
  EXPECT_THAT(measured->notes, Contains(HasSubstr("not seen: /no/such/proc/stat")));
}

}  // namespace
}  // namespace outrigger::measure
