// Promote, roll back or hold: what a rollout asks after each wave.  Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stats/interval.h"

namespace outrigger::stats {

enum class Gate { kPromote, kHold, kRollBack };

struct GateSettings {
  double margin = 0.0488;  // of log p99: 5 %
  double quantile = 0.99;
  double alpha = 0.05;  // of the counts' e-value: they speak at 1 / alpha
  Resampling resampling;
};

struct GateAnswer {
  Gate gate = Gate::kHold;
  std::string reason;              // in words, with the number that decided
  std::optional<Interval> change;  // of the log quantile; nullopt: too little data, which holds
  double e_value = 1;              // against "not more bad events than before"
};

// Bad events (errors, drops, incidents) and in how much they happened (requests, packets, seconds).
struct Counts {
  uint64_t bad_before = 0, bad_after = 0;
  double exposure_before = 0, exposure_after = 0;
};

// Promote when the upper bound of the change is inside the margin and the counts are quiet; roll back when
// the lower bound is outside it, or the counts speak; else hold.  No data holds.
GateAnswer judge(std::span<const Pair> pairs, const Counts& counts, const GateSettings& settings);

// Evidence against "the rate after is at most that before": a mixture of likelihood ratios that may be looked
// at as often as one likes (anytime-valid): under the null its chance of ever passing 1/alpha is at most
// alpha. Given the total of both, the share after is binomial with p0 = exposure_after / (both); the mixture
// is over p in (p0, 1) by a Beta cut there.  1 when nothing has happened or an exposure is 0.
double e_value(const Counts& counts);

// What others use, to compare with: the two-sided p value of Mann and Whitney's U with ties corrected,
// over window quantiles.
double mann_whitney(std::span<const double> before, std::span<const double> after);

}  // namespace outrigger::stats
