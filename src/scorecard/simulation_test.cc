// How often the whole scorecard is wrong: hundreds of A/A experiments with a gain announced in none, and the
// same with a real one.  Runs differ among each other by more than their windows do, as on machines.
#include <gtest/gtest.h>

#include "scorecard/fixture.h"

namespace outrigger::scorecard {
namespace {

constexpr uint32_t kRuns = 300;

struct Tally {
  uint32_t pays = 0, does_not = 0, open = 0;
};

void count(const absl::StatusOr<Scorecard>& card, Tally& tally) {
  ASSERT_TRUE(card.ok()) << card.status();
  tally.pays += card->verdict == Verdict::kPays;
  tally.does_not += card->verdict == Verdict::kDoesNotPay;
  tally.open += card->verdict == Verdict::kInconclusive;
}

// One run before, one after.
Tally alone(const Shape& before, Shape after, uint32_t runs) {
  Tally tally;
  after.label = "after";
  for (uint32_t i = 0; i < runs; ++i) {
    Shape own = before;
    own.seed = 10'000 + 2 * i, after.seed = own.seed + 1;
    count(make(two_sides(run_of(own), run_of(after)), {.rounds = 200, .seed = i}), tally);
  }
  return tally;
}

// Blocks of ABBA, each run on a level of its own.
Tally in_blocks(const Shape& a, const Shape& b, uint32_t blocks, double differ, uint32_t runs) {
  Tally tally;
  std::mt19937_64 random(7);
  std::normal_distribution<double> level(0, differ);
  for (uint32_t i = 0; i < runs; ++i) {
    Input input = abba(a, b, 0, 0);
    for (uint32_t run = 0; run < 4 * blocks; ++run) {
      const bool after = run % 4 == 1 || run % 4 == 2;
      Shape shape = after ? b : a;
      shape.label = after ? "dpu" : "host", shape.experiment = "abba", shape.block = run / 4,
      shape.order = run % 4;
      shape.seed = 50'000 + 100 * i + run, shape.run_level = level(random);
      (after ? input.after : input.before).push_back(run_of(shape));
    }
    count(make(input, {.rounds = 200, .seed = i}), tally);
  }
  return tally;
}

const Shape kSmall = {.windows = 40, .requests = 60};
constexpr double kNominal = 0.05;

TEST(Simulation, OfAAgainstAHardlyEverPays) {
  const Tally tally = alone(kSmall, kSmall, kRuns);
  RecordProperty("pays", static_cast<int>(tally.pays));
  EXPECT_LE(tally.pays, kRuns * kNominal);
  EXPECT_EQ(tally.pays + tally.does_not + tally.open, kRuns);
}

TEST(Simulation, OfAAgainstAInBlocksWhoseRunsDifferHardlyEverPays) {
  const Shape shape = {.windows = 20, .requests = 60};
  const Tally tally = in_blocks(shape, shape, 2, 0.05, kRuns / 2);
  RecordProperty("pays", static_cast<int>(tally.pays));
  EXPECT_LE(tally.pays, kRuns / 2 * kNominal);
}

TEST(Simulation, OfAThirdLessLatencyPays) {
  Shape better = kSmall;
  better.latency_ms = 0.65;
  const Tally tally = alone(kSmall, better, 60);
  EXPECT_GE(tally.pays, 60 * 0.8) << tally.does_not << " do not, " << tally.open << " open";
  EXPECT_EQ(tally.does_not, 0u);
}

TEST(Simulation, OfHalfTheLatencyPaysThoughRunsDiffer) {
  const Shape shape = {.windows = 20, .requests = 60};
  Shape better = shape;
  better.latency_ms = 0.5;
  const Tally tally = in_blocks(shape, better, 3, 0.02, 40);
  EXPECT_GE(tally.pays, 40 * 0.8) << tally.does_not << " do not, " << tally.open << " open";
  EXPECT_EQ(tally.does_not, 0u);
}

TEST(Simulation, OfAThirdMoreLatencyNeverPays) {
  Shape worse = kSmall;
  worse.latency_ms = 1.35;
  const Tally tally = alone(kSmall, worse, 60);
  EXPECT_EQ(tally.pays, 0u);
  EXPECT_GE(tally.does_not, 60 * 0.8);
}

}  // namespace
}  // namespace outrigger::scorecard
