#include "scenario/order.h"

#include <gtest/gtest.h>

namespace outrigger::scenario {
namespace {

std::string text(const std::vector<Turn>& all) {
  std::string text;
  for (const Turn& one : all) text += one.arm == Arm::kHost ? 'A' : 'B';
  return text;
}

TEST(Order, EachBlockHasBothTwiceAndNeitherIsAlwaysFirst) {
  EXPECT_EQ(text(turns(1)), "ABBA");
  EXPECT_EQ(text(turns(3)), "ABBABAABABBA");
}

TEST(Order, TurnsAreNumberedWithinTheirBlock) {
  const std::vector<Turn> all = turns(2);
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(all[5].block, 2u);
  EXPECT_EQ(all[5].order, 2u);
}

}  // namespace
}  // namespace outrigger::scenario
