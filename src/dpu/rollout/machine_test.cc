#include "dpu/rollout/machine.h"

#include <vector>

#include "gtest/gtest.h"

namespace outrigger::agent {
namespace {

struct Row {
  std::vector<Happening> happenings;
  std::string_view ends_as;  // "": the last one cannot happen
};

std::string_view after(const std::vector<Happening>& happenings) {
  Stage stage = Stage::kPlanned;
  for (const Happening happening : happenings) {
    const auto to = next(stage, happening);
    if (!to) return "";
    stage = *to;
  }
  return name(stage);
}

TEST(RolloutMachine, Rows) {
  using enum Happening;
  const Row rows[] = {
      {{}, "planned"},
      {{kBegin, kPassed, kPassed, kPassed}, "complete"},
      {{kBegin, kFailed}, "aborted"},
      {{kBegin, kAbort}, "aborted"},
      {{kAbort}, "aborted"},
      {{kBegin, kPassed, kFailed}, "rolled_back"},
      {{kBegin, kPassed, kPassed, kFailed}, "rolled_back"},
      {{kBegin, kPassed, kPassed, kNoData}, "hold"},
      {{kBegin, kPassed, kPassed, kNoData, kPassed}, ""},  // no data never passes
      {{kBegin, kPassed, kPassed, kNoData, kData, kPassed}, "complete"},
      {{kBegin, kPassed, kPassed, kNoData, kFailed}, "rolled_back"},
      {{kBegin, kPassed, kPassed, kNoData, kPromote}, "complete"},
      {{kBegin, kPassed, kPassed, kStuck}, "fallback"},
      {{kBegin, kPassed, kPassed, kPassed, kUndo}, "rolled_back"},
      {{kBegin, kPassed, kPassed, kPassed, kUndo, kUndo}, ""},
      {{kBegin, kPassed, kPassed, kPassed, kAbort}, ""},
      {{kBegin, kPassed, kPassed, kSettled}, "analyse"},
      {{kBegin, kPassed, kPassed, kSettled, kPassed}, "complete"},
      {{kBegin, kPassed, kPassed, kSettled, kFailed}, "rolled_back"},
      {{kBegin, kPassed, kPassed, kSettled, kStuck}, "fallback"},
      {{kBegin, kPassed, kPassed, kSettled, kNoData}, "hold"},
      {{kBegin, kPassed, kPassed, kSettled, kNoData, kPassed}, ""},  // no data never passes
      {{kBegin, kPassed, kPassed, kSettled, kNoData, kPromote}, "complete"},
      {{kBegin, kPassed, kPassed, kSettled, kNoData, kAbort}, "rolled_back"},
      {{kBegin, kPassed, kPassed, kSettled, kNoData, kUndo}, "rolled_back"},
      {{kPromote}, ""},
      {{kBegin, kPromote}, ""},
      {{kBegin, kPassed, kPromote}, ""},  // not before it was compared
  };
  for (const Row& row : rows) EXPECT_EQ(after(row.happenings), row.ends_as) << "row " << (&row - rows);
}

TEST(RolloutMachine, NamesGoBothWays) {
  for (int i = 0; i < 10; ++i) {
    const auto stage = static_cast<Stage>(i);
    EXPECT_EQ(stage_from(name(stage)), stage);
  }
  EXPECT_EQ(stage_from("paused"), std::nullopt);
}

}  // namespace
}  // namespace outrigger::agent
