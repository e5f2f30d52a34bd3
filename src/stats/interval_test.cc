#include "stats/interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace outrigger::stats {
namespace {

// Windows of lognormal latencies, the level of neighbours alike (an autoregression), as machines have it.
std::vector<Sketch> run(uint64_t seed, double factor = 1, size_t windows = 60, size_t each = 200) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  double level = 0;
  std::vector<Sketch> out(windows);
  for (Sketch& one : out) {
    level = 0.6 * level + 0.02 * normal(random);
    for (size_t i = 0; i < each; ++i)
      one.add(static_cast<uint64_t>(factor * 100'000 * std::exp(level + 0.3 * normal(random))));
  }
  return out;
}

TEST(LogQuantileChange, FindsAShiftAndItsSize) {
  const std::vector<Pair> pairs = {{run(1), run(2, 1.3)}};
  const auto change = log_quantile_change(pairs, 0.99, {});
  ASSERT_TRUE(change);
  EXPECT_NEAR(change->estimate, std::log(1.3), 0.05);
  EXPECT_GT(change->low, 0.15);
  EXPECT_LT(change->high, 0.40);
  EXPECT_EQ(change->n_before, 60u * 200);
}

TEST(LogQuantileChange, TheSameSeedGivesTheSameFigures) {
  const std::vector<Pair> pairs = {{run(1), run(2)}};
  const auto one = log_quantile_change(pairs, 0.99, {.seed = 7}),
             two = log_quantile_change(pairs, 0.99, {.seed = 7});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->low, two->low);
  EXPECT_EQ(one->high, two->high);
}

TEST(LogQuantileChange, RefusesWhatIsTooLittle) {
  const std::vector<Pair> few = {{run(1, 1, 1, 367), run(2)}};
  EXPECT_FALSE(log_quantile_change(few, 0.99, {}));
  const std::vector<Pair> enough = {{run(1, 1, 1, 368), run(2)}};
  EXPECT_TRUE(log_quantile_change(enough, 0.99, {}));
  EXPECT_FALSE(log_quantile_change(enough, 0.999, {}));
  EXPECT_FALSE(log_quantile_change({}, 0.99, {}));
}

TEST(LogQuantileChange, AnotherLevelOfADayIsTakenOutByPairs) {
  // Each pair on a level of its own: the change within pairs is what counts.
  std::vector<Pair> pairs;
  for (uint64_t i = 0; i < 6; ++i)
    pairs.push_back({run(10 + i, 1 + 0.3 * i), run(20 + i, 1.2 * (1 + 0.3 * i))});
  const auto change = log_quantile_change(pairs, 0.99, {.rounds = 500});
  ASSERT_TRUE(change);
  EXPECT_NEAR(change->estimate, std::log(1.2), 0.04);
  EXPECT_GT(change->low, 0);
}

// Of 95 % intervals about one in twenty misses; with few windows bootstrap intervals are a little narrow.
TEST(LogQuantileChange, ItsIntervalsHoldTheTruthAsOftenAsTheySay) {
  int missed = 0;
  constexpr int kRuns = 400;
  for (int i = 0; i < kRuns; ++i) {
    const std::vector<Pair> pairs = {{run(1000 + i, 1, 40, 60), run(9000 + i, 1, 40, 60)}};
    const auto change = log_quantile_change(pairs, 0.99, {.rounds = 200, .seed = static_cast<uint64_t>(i)});
    ASSERT_TRUE(change);
    missed += change->low > 0 || change->high < 0;
  }
  EXPECT_LT(missed, kRuns / 8);
  EXPECT_GT(missed, 0) << "intervals that never miss say nothing";
}

TEST(NoiseFloor, IsAboutWhatTwoLikeRunsDifferBy) {
  const std::vector<Pair> pairs = {{run(1), run(2)}};
  const auto floor = noise_floor(pairs, 0.99, {.rounds = 500});
  ASSERT_TRUE(floor);
  int outside = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    const std::vector<Pair> alike = {{run(100 + 2 * i), run(101 + 2 * i)}};
    const auto change = log_quantile_change(alike, 0.99, {.rounds = 1});
    outside += std::abs(change->estimate) > *floor;
  }
  EXPECT_LT(outside, 40) << "of 200, 10 expected";
  EXPECT_LT(*floor, 0.2);
}

TEST(LogChange, OfAVariance) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> calm(0.5, 0.01), wild(0.5, 0.03);
  ValuePair pair;
  for (int i = 0; i < 200; ++i) pair.before.push_back(wild(random)), pair.after.push_back(calm(random));
  const auto change = log_change(std::vector<ValuePair>{pair}, variance, {});
  ASSERT_TRUE(change);
  EXPECT_NEAR(change->estimate, 2 * std::log(1.0 / 3), 0.4);
  EXPECT_LT(change->high, 0);
}

TEST(Statistics, NeedEnoughValues) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 100};
  EXPECT_FALSE(variance(std::span(values).first(7)));
  EXPECT_DOUBLE_EQ(*median_absolute_deviation(values), 2.0);
  EXPECT_DOUBLE_EQ(*variance(values), 1156);
}

}  // namespace
}  // namespace outrigger::stats
