#include "lab/huge_pages.h"

#include <gtest/gtest.h>

namespace outrigger::lab {
namespace {

TEST(HugePages, TwoNodesFitInFourHundredMegabytes) { EXPECT_LE(2 * 2 * huge_pages_for({}), 400u); }

TEST(HugePages, FollowTheDaemonsArguments) {
  const unsigned plain = huge_pages_for({});
  const unsigned million = huge_pages_for({"--sessions", "1048576"});
  EXPECT_GE(2 * (million - plain),
            (1048576u - kLabSessions) / 1024 * 128 / 1024);  // MiB, at 128 bytes a session
  EXPECT_EQ(huge_pages_for({"--sessions=1048576"}), million);
  EXPECT_GT(huge_pages_for({"--workers", "2"}), plain);
  EXPECT_GT(huge_pages_for({"--buffers", "65536"}), plain);
  EXPECT_EQ(huge_pages_for({"--sessions"}), plain);
}

}  // namespace
}  // namespace outrigger::lab
