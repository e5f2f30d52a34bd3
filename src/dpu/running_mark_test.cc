#include "dpu/running_mark.h"

#include <gtest/gtest.h>

#include <fstream>

#include "absl/time/clock.h"
#include "base/test_folder.h"

namespace outrigger::agent {
namespace {

TEST(RunningMark, TellsAnEndFromADeath) {
  const TestFolder folder;
  { EXPECT_FALSE(RunningMark(folder.path()).died()); }
  { EXPECT_FALSE(RunningMark(folder.path()).died()); }  // it ended as it should
  std::ofstream(folder.file("running")) << "";          // what a killed one leaves
  const absl::Time left = absl::Now();
  absl::SleepFor(absl::Milliseconds(20));
  RunningMark next(folder.path());
  ASSERT_TRUE(next.died());
  EXPECT_LT(absl::AbsDuration(*next.died() - left), absl::Milliseconds(15));
  next.touch();
  RunningMark after_a_kill(folder.path());
  EXPECT_GT(*after_a_kill.died(), *next.died());
}

TEST(RunningMark, AFolderThatCannotBeWrittenIsNoDeath) { EXPECT_FALSE(RunningMark("/nowhere").died()); }

}  // namespace
}  // namespace outrigger::agent
