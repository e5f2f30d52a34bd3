#include "dpu/health/patience.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "absl/time/clock.h"
#include "base/steady_time.h"

namespace outrigger::agent {
namespace {

const std::vector<uint8_t> kFrame(60, 1);

// An engine that is one thread, and waits for as long as it is told; the echo arrives after `delay`.
struct SlowWire {
  std::mutex thread;
  absl::Duration delay = absl::InfiniteDuration();
  absl::Time sent = absl::InfiniteFuture();
  int frames = 0;
  bool modern = true;

  absl::StatusOr<engine::Echo> ask(std::span<const uint8_t> frame, unsigned timeout_ms) {
    const std::lock_guard busy(thread);
    if (frame.empty() && !modern) return absl::InvalidArgumentError("a probe of 0 bytes fits no buffer");
    if (!frame.empty()) sent = steady_time();
    frames += frame.empty() ? 0 : 1;
    const absl::Time end = steady_time() + absl::Milliseconds(timeout_ms);
    engine::Echo echo{.drop = frame.empty() ? Drop::kNone : Drop::kPortUnbound};
    for (;;) {
      echo.arrived = steady_time() >= sent + delay;
      if (echo.arrived)
        echo.nanoseconds = static_cast<uint64_t>(absl::ToInt64Nanoseconds(steady_time() - sent));
      if (echo.arrived || steady_time() >= end) return echo;
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  EchoFn asked() {
    return [this](PortId, std::span<const uint8_t> frame, uint64_t, unsigned timeout_ms) {
      return ask(frame, timeout_ms);
    };
  }
};

// What applies configuration waits behind a probe: not for the time that the probe is given.
TEST(Patience, AnEchoThatFailsDoesNotKeepTheEngine) {
  SlowWire wire;
  const EchoFn echo = patient(wire.asked());
  std::atomic<bool> over = false;
  std::thread probe([&] {
    const absl::Time began = steady_time();
    const auto failed = echo(PortId(1), kFrame, 7, 600);
    ASSERT_TRUE(failed.ok());
    EXPECT_FALSE(failed->arrived);
    EXPECT_EQ(failed->drop, Drop::kPortUnbound);
    EXPECT_GE(steady_time() - began, absl::Milliseconds(600));
    over = true;
  });
  absl::Duration longest;
  while (!over) {
    const absl::Time began = steady_time();
    { const std::lock_guard apply(wire.thread); }
    longest = std::max(longest, steady_time() - began);
    absl::SleepFor(absl::Milliseconds(1));
  }
  probe.join();
  EXPECT_LT(longest, absl::Milliseconds(200));
  EXPECT_EQ(wire.frames, 1);
}

TEST(Patience, WhatArrivesLateIsFetchedWithItsTime) {
  SlowWire wire;
  wire.delay = absl::Milliseconds(60);
  const auto echo = patient(wire.asked())(PortId(1), kFrame, 7, 5000);
  ASSERT_TRUE(echo.ok()) << echo.status();
  EXPECT_TRUE(echo->arrived);
  EXPECT_GE(absl::Nanoseconds(echo->nanoseconds), wire.delay);
  EXPECT_EQ(wire.frames, 1);
}

TEST(Patience, AnEngineThatKnowsNoSecondQuestionIsAskedOnce) {
  SlowWire wire;
  wire.modern = false;
  const auto echo = patient(wire.asked())(PortId(1), kFrame, 7, 5000);
  ASSERT_TRUE(echo.ok()) << echo.status();
  EXPECT_FALSE(echo->arrived);
  EXPECT_EQ(echo->drop, Drop::kPortUnbound);
}

}  // namespace
}  // namespace outrigger::agent
