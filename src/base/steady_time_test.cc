#include "base/steady_time.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace outrigger {
namespace {

TEST(SteadyTime, GoesForwardFromWhereTheWallClockStood) {
  const absl::Time before = steady_time();
  absl::SleepFor(absl::Milliseconds(2));
  EXPECT_GE(steady_time() - before, absl::Milliseconds(2));
  EXPECT_LT(absl::AbsDuration(absl::Now() - steady_time()), absl::Seconds(1));
}

TEST(SteadyTime, IsToldAsTheWallClockSays) {
  EXPECT_LT(absl::AbsDuration(wall_time(steady_time()) - absl::Now()), absl::Milliseconds(100));
  EXPECT_EQ(wall_time(absl::InfinitePast()), absl::InfinitePast());
}

}  // namespace
}  // namespace outrigger
