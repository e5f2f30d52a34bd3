#include "stats/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace outrigger::stats {
namespace {

std::vector<uint64_t> long_tailed(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> drawn(11, 1.5);
  std::vector<uint64_t> values;
  for (size_t i = 0; i < n; ++i) values.push_back(static_cast<uint64_t>(drawn(random)));
  return values;
}

Sketch of(const std::vector<uint64_t>& values) {
  Sketch sketch;
  for (const uint64_t value : values) sketch.add(value);
  return sketch;
}

TEST(Sketch, QuantilesAreWithinHalfAPercentOfTheExactOnes) {
  std::vector<uint64_t> values = long_tailed(100'000, 1);
  const Sketch sketch = of(values);
  std::sort(values.begin(), values.end());
  for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto exact = static_cast<double>(values[rank_of(q, values.size()) - 1]);
    EXPECT_NEAR(sketch.quantile(q), exact, 0.004 * exact + 0.5) << "q " << q;
  }
  EXPECT_EQ(sketch.max(), values.back());
  EXPECT_EQ(sketch.min(), values.front());
}

TEST(Sketch, EveryMagnitudeHasABucketThatFits) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) + (uint64_t{1} << bit) / 3}) {
      Sketch one;
      one.add(value);
      one.add(value);
      EXPECT_DOUBLE_EQ(one.quantile(0.5), static_cast<double>(value)) << "held to its smallest and greatest";
      ASSERT_EQ(one.buckets().size(), 1u);
      const double middle = Sketch::middle_of(one.buckets().begin()->first);
      EXPECT_NEAR(middle / static_cast<double>(value), 1, 0.004) << value;
    }
  }
}

TEST(Sketch, MergedIsAsIfAllHadBeenAddedToOne) {
  const std::vector<uint64_t> first = long_tailed(1000, 2), second = long_tailed(3000, 3);
  std::vector<uint64_t> both = first;
  both.insert(both.end(), second.begin(), second.end());
  Sketch merged = of(first);
  merged.merge(of(second));
  EXPECT_EQ(merged, of(both));
  merged.merge(Sketch());
  EXPECT_EQ(merged, of(both));
}

TEST(Sketch, CountsWhatIsAbove) {
  const Sketch sketch = of({1, 5, 10, 1000, 100'000});
  EXPECT_EQ(sketch.above(10), 2u);
  EXPECT_EQ(sketch.above(0), 5u);
  EXPECT_EQ(sketch.above(200'000), 0u);
}

TEST(Sketch, TextComesBack) {
  for (const Sketch& sketch : {Sketch(), of({0}), of({~uint64_t{0}}), of(long_tailed(5000, 4))}) {
    const auto back = Sketch::parse(sketch.text());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, sketch);
  }
}

TEST(Sketch, OtherTextIsRefused) {
  for (const char* text : {"", "1", "1 2", "x y", "0 0 0:0", "5 5 4:1", "5 5 5:1 0:1", "5 5 5", "5 5 5:",
                           "5 4 4:1 1:1", "5 5 99999:1", "5 5 5:18446744073709551615 1:1", "5 5 5:1 "}) {
    EXPECT_FALSE(Sketch::parse(text).ok()) << '"' << text << '"';
  }
}

TEST(SamplesNeeded, AreThoseOfTheTable) {
  EXPECT_EQ(samples_needed(0.99), 368u);
  EXPECT_EQ(samples_needed(0.999), 3688u);
}

}  // namespace
}  // namespace outrigger::stats
