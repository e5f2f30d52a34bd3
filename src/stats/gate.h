// Promote, roll back or hold: what a rollout asks after each wave.  Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

// The same of one kind, in the order in which it came: each step is a stretch before the change beside one
// after it.
struct CountSeries {
  std::string name;  // "failed requests"
  std::vector<Counts> steps;
};

// Promote when the upper bound of the change is inside the margin and the counts are quiet; roll back when
// the lower bound is outside it, or the counts speak; else hold.  No data holds.  Of several kinds the mean
// of their e-values decides: that is an e-value too, whatever they have to do with each other.
GateAnswer judge(std::span<const Pair> pairs, std::span<const CountSeries> counts,
                 const GateSettings& settings);
GateAnswer judge(std::span<const Pair> pairs, const Counts& counts, const GateSettings& settings);

// Evidence against "the rate after is at most that before".  It may be looked at after each step, as often as
// one likes (anytime-valid): under the null its chance of ever passing 1/alpha is at most alpha.
//
// Given the total of a step, the part after is binomial with p = exposure_after / (both), whatever p is, so
// the likelihood ratio against "the rate is r times that before" has mean 1 at most, and so has the product
// over steps, and its mean over some r.  Exposures may grow as they like, also in one step on one side
// alone, which then says nothing.  It takes events to be independent of each other: what comes in bursts is
// to be counted as seconds, or requests, that had any.
double e_value(std::span<const Counts> steps);
// All of it as one look: a mixture over p in (p0, 1) instead, by a Beta cut there.  Looked at repeatedly it
// holds what it says only while exposures grow in proportion.  1 when nothing has happened or an exposure is
// 0.
double e_value(const Counts& counts);

// What others use, to compare with: the two-sided p value of Mann and Whitney's U with ties corrected,
// over window quantiles.
double mann_whitney(std::span<const double> before, std::span<const double> after);

}  // namespace outrigger::stats
