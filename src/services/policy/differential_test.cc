#include "services/policy/differential.h"

#include <gtest/gtest.h>

#include <random>

namespace outrigger::policy::testing {
namespace {

std::vector<uint8_t> history(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(1000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// Random histories against the naive evaluator.  The totals show that the histories reach what they should.
TEST(PolicyDifferential, RandomHistories) {
  uint64_t applied = 0, refused = 0, differed = 0, spared = 0;
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    Differential differential;
    ASSERT_EQ(differential.run(history(seed)), "") << "seed " << seed;
    applied += differential.applied();
    refused += differential.refused();
    differed += differential.differed();
    spared += differential.spared();
  }
  EXPECT_GT(applied, 2'000u);
  EXPECT_GT(refused, 1'000u);
  EXPECT_GT(differed, 200'000u);
  EXPECT_GT(spared, 2'000'000u);
}

}  // namespace
}  // namespace outrigger::policy::testing
