// Runs that were never run: latencies drawn by a known law, so that one can count how often the gate errs.
// For its tests and for the table in docs/explanation/gate.md.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "stats/gate.h"

namespace outrigger::stats::simulated {

struct Shape {
  double factor = 1;  // of everything
  double tail = 1;    // of the slowest hundredth alone
  size_t windows = 20, each = 100;
  double drift = 0;  // of a window's level against that of the one before it, which it resembles: in logs
};

inline std::vector<Sketch> run(std::mt19937_64& random, const Shape& shape) {
  std::normal_distribution<double> normal;
  std::vector<Sketch> out(shape.windows);
  double level = 0;
  for (Sketch& one : out) {
    if (shape.drift > 0) level = 0.6 * level + shape.drift * normal(random);
    for (size_t i = 0; i < shape.each; ++i) {
      const double z = normal(random);
      const double tail = z > 2.3263 ? shape.tail : 1;
      one.add(static_cast<uint64_t>(shape.factor * tail * 100'000 * std::exp(level + 0.2 * z)));
    }
  }
  return out;
}

struct Tally {
  int promoted = 0, held = 0, back = 0, flagged = 0;  // flagged: Mann-Whitney over window p99, p < 0.05
};

inline std::vector<double> quantiles(const std::vector<Sketch>& windows) {
  std::vector<double> out;
  for (const Sketch& one : windows) out.push_back(one.quantile(0.99));
  return out;
}

// What it was like before is `after` without the change.
inline Tally simulate(int runs, const Shape& after, const GateSettings& settings) {
  std::mt19937_64 random(42);
  const Shape before{.windows = after.windows, .each = after.each, .drift = after.drift};
  Tally tally;
  for (int i = 0; i < runs; ++i) {
    const std::vector<Sketch> was = run(random, before);
    const std::vector<Pair> pairs = {{was, run(random, after)}};
    const Gate gate = judge(pairs, Counts(), settings).gate;
    tally.promoted += gate == Gate::kPromote;
    tally.held += gate == Gate::kHold;
    tally.back += gate == Gate::kRollBack;
    tally.flagged += mann_whitney(quantiles(pairs[0].before), quantiles(pairs[0].after)) < 0.05;
  }
  return tally;
}

}  // namespace outrigger::stats::simulated
