#include "scenario/series.h"

#include <gmock/gmock.h>

namespace outrigger::scenario {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

measure::Measurement with(std::initializer_list<double> steal) {
  measure::Measurement made;
  made.place = {"x", 2, 3};
  for (const double one : steal) made.windows.emplace_back().cpu[0].steal = one;
  return made;
}

TEST(Stolen, IsTheMeanOverWindows) {
  EXPECT_DOUBLE_EQ(stolen(with({0.1, 0.3})), 0.2);
  EXPECT_DOUBLE_EQ(stolen(with({})), 0);
}

TEST(Calm, ACalmTurnCountsAtOnceAndNothingIsSaid) {
  Calm calm(0.05, 2);
  measure::Measurement measured = with({0.01, 0.08});
  EXPECT_FALSE(calm.again(measured));
  EXPECT_THAT(measured.notes, IsEmpty());
}

TEST(Calm, ADisturbedTurnIsMadeAgainAndWhatCountsSaysSo) {
  Calm calm(0.05, 2);
  measure::Measurement bad = with({0.3, 0.4}), good = with({0.01});
  EXPECT_TRUE(calm.again(bad));
  EXPECT_EQ(calm.tries(), 1u);
  EXPECT_FALSE(calm.again(good));
  EXPECT_THAT(good.notes,
              ElementsAre(HasSubstr("turn 3 of block 2 was made again: the hypervisor had taken 35.0 %")));
  measure::Measurement next = with({0.01});
  EXPECT_FALSE(calm.again(next));
  EXPECT_THAT(next.notes, IsEmpty()) << "of another turn";
}

TEST(Calm, NotWithoutEnd) {
  Calm calm(0.05, 1);
  measure::Measurement one = with({0.2}), two = with({0.3}), three = with({0.4});
  EXPECT_TRUE(calm.again(one));
  EXPECT_FALSE(calm.again(two));
  EXPECT_THAT(two.notes, ElementsAre(HasSubstr("made again"),
                                     HasSubstr("took 30.0 % of the host's CPU, and it counts")));
  EXPECT_FALSE(calm.again(three));
  EXPECT_THAT(three.notes, ElementsAre(HasSubstr("40.0 %")));
}

}  // namespace
}  // namespace outrigger::scenario
