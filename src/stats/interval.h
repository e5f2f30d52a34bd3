// What a difference between two runs is worth: its interval by block bootstrap, and how much two runs of the
// same thing differ here anyway (A/A).  All work on windows, in time order; neighbours resemble each other,
// so they are drawn in blocks.  Seeds are the caller's: the same data and seed give the same figures.  Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "stats/sketch.h"

namespace outrigger::stats {

struct Interval {
  double estimate = 0, low = 0, high = 0;  // two-sided, of the level asked for
  uint64_t n_before = 0, n_after = 0;      // samples, not windows
};

struct Resampling {
  uint32_t rounds = 2000;
  double level = 0.95;
  uint32_t block = 0;  // windows of a block; 0: cube root of the number of windows, at least 1
  uint64_t seed = 1;
};

// A pair, or a block of ABBA: what is compared with what.  Intervals come from drawing pairs, and in each
// pair blocks of windows.
struct Pair {
  std::vector<Sketch> before, after;  // one per window
};

// Of log(quantile after) - log(quantile before), the mean over pairs.  nullopt when a side has fewer samples
// than samples_needed(q): no number is better than one that looks fine.
std::optional<Interval> log_quantile_change(std::span<const Pair> pairs, double q, const Resampling& how);

// The same for any statistic of a run's windows (variance of CPU shares, MAD of log p99 by window, ...), as
// log(after) - log(before).  `windows` are rows of the caller's; nullopt from `statistic` makes the whole
// nullopt.
using Windows = std::vector<double>;
using Statistic = std::function<std::optional<double>(std::span<const double>)>;
struct ValuePair {
  Windows before, after;
};
std::optional<Interval> log_change(std::span<const ValuePair> pairs, const Statistic& statistic,
                                   const Resampling& how);

// The size of change that the same thing shows against itself here: the `level` quantile of |log change|
// between the halves of each side, cut at random block borders.  A gain inside of it is no gain.
std::optional<double> noise_floor(std::span<const Pair> pairs, double q, const Resampling& how);
std::optional<double> noise_floor(std::span<const ValuePair> pairs, const Statistic& statistic,
                                  const Resampling& how);

// Statistics that the scorecard uses.  nullopt when there are too few values.
std::optional<double> variance(std::span<const double> values);                   // at least 8
std::optional<double> median_absolute_deviation(std::span<const double> values);  // at least 8

}  // namespace outrigger::stats
