#include "services/policy/differential.h"

#include <gtest/gtest.h>

#include <random>

namespace outrigger::policy::testing {
namespace {

std::vector<uint8_t> history(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(600);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// Random histories against the naive evaluator.  The totals show that the histories reach what they should.
TEST(PolicyDifferential, RandomHistories) {
  uint64_t applied = 0, refused = 0, spared = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    Differential differential;
    ASSERT_EQ(differential.run(history(seed)), "") << "seed " << seed;
    applied += differential.applied();
    refused += differential.refused();
    spared += differential.spared();
  }
  EXPECT_GT(applied, 500u);
  EXPECT_GT(refused, 200u);
  EXPECT_GT(spared, 100'000u);
}

}  // namespace
}  // namespace outrigger::policy::testing
