#include "stats/gate.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <vector>

#include "absl/strings/str_format.h"

namespace outrigger::stats {

namespace {

double percent(double log_change) { return 100 * std::expm1(log_change); }

std::string described(const Interval& change, const GateSettings& settings) {
  return absl::StrFormat("p%g changed by %+.1f %% (%+.1f to %+.1f; margin %+.1f)", 100 * settings.quantile,
                         percent(change.estimate), percent(change.low), percent(change.high),
                         percent(settings.margin));
}

}  // namespace

double e_value(const Counts& counts) {
  const double exposure = counts.exposure_before + counts.exposure_after;
  if (!(counts.exposure_before > 0) || !(counts.exposure_after > 0)) return 1;
  const double p0 = counts.exposure_after / exposure;
  const auto k = static_cast<double>(counts.bad_after), m = static_cast<double>(counts.bad_before);
  if (k + m == 0) return 1;
  // The mean over p uniform in (p0, 1) of p^k (1-p)^m, over the same at p0: in logs, for both are tiny.
  const double beyond = boost::math::ibetac(k + 1, m + 1, p0);
  if (!(beyond > 0)) return 0;
  const double log_beta = std::lgamma(k + 1) + std::lgamma(m + 1) - std::lgamma(k + m + 2);
  return std::exp(log_beta + std::log(beyond) - std::log1p(-p0) - k * std::log(p0) - m * std::log1p(-p0));
}

double e_value(std::span<const Counts> steps) {
  constexpr std::array kTimesAsMany = {1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0};
  double sum = 0;
  for (const double r : kTimesAsMany) {
    double log_ratio = 0;
    for (const Counts& one : steps) {
      if (!(one.exposure_before > 0) || !(one.exposure_after > 0)) continue;
      const double p = one.exposure_after / (one.exposure_before + one.exposure_after);
      const auto after = static_cast<double>(one.bad_after), before = static_cast<double>(one.bad_before);
      log_ratio += after * std::log(r) - (before + after) * std::log1p((r - 1) * p);
    }
    sum += std::exp(std::min(log_ratio, 500.0));
  }
  return sum / kTimesAsMany.size();
}

namespace {

Counts total_of(const CountSeries& series) {
  Counts total;
  for (const Counts& one : series.steps) {
    total.bad_before += one.bad_before;
    total.bad_after += one.bad_after;
    total.exposure_before += one.exposure_before;
    total.exposure_after += one.exposure_after;
  }
  return total;
}

std::string described(const CountSeries& series) {
  const Counts total = total_of(series);
  return absl::StrFormat("%s: %d of %.6g where there were %d of %.6g", series.name, total.bad_after,
                         total.exposure_after, total.bad_before, total.exposure_before);
}

// What decides: which kind speaks loudest, and how loudly all do together.
struct Loudest {
  double mean = 1, greatest = -1;
  std::string words;
};

Loudest loudest_of(std::span<const CountSeries> counts) {
  Loudest out;
  double sum = 0;
  for (const CountSeries& series : counts) {
    const double e = e_value(series.steps);
    sum += e;
    if (e > out.greatest) out = {1, e, described(series)};
  }
  if (!counts.empty()) out.mean = sum / static_cast<double>(counts.size());
  return out;
}

// `e` and `words` are of the counts.
GateAnswer decide(std::span<const Pair> pairs, double e, const std::string& words,
                  const GateSettings& settings) {
  GateAnswer answer;
  answer.change = log_quantile_change(pairs, settings.quantile, settings.resampling);
  answer.e_value = e;
  if (e >= 1 / settings.alpha) {
    answer.gate = Gate::kRollBack;
    answer.reason = absl::StrFormat("%s (e-value %.3g, bound %g)", words, e, 1 / settings.alpha);
    return answer;
  }
  if (!answer.change) {
    answer.reason = absl::StrFormat("too little data: p%g needs %d samples of each side",
                                    100 * settings.quantile, samples_needed(settings.quantile));
    return answer;
  }
  answer.reason = described(*answer.change, settings);
  if (answer.change->high <= settings.margin) answer.gate = Gate::kPromote;
  if (answer.change->low > settings.margin) answer.gate = Gate::kRollBack;
  return answer;
}

}  // namespace

GateAnswer judge(std::span<const Pair> pairs, std::span<const CountSeries> counts,
                 const GateSettings& settings) {
  const Loudest loudest = loudest_of(counts);
  return decide(pairs, loudest.mean, loudest.words, settings);
}

GateAnswer judge(std::span<const Pair> pairs, const Counts& counts, const GateSettings& settings) {
  const std::string words =
      absl::StrFormat("%d bad events where there were %d", counts.bad_after, counts.bad_before);
  return decide(pairs, e_value(counts), words, settings);
}

double mann_whitney(std::span<const double> before, std::span<const double> after) {
  if (before.empty() || after.empty()) return 1;
  std::vector<std::pair<double, bool>> all;  // value, of after
  for (const double value : before) all.emplace_back(value, false);
  for (const double value : after) all.emplace_back(value, true);
  std::sort(all.begin(), all.end());
  const auto n = static_cast<double>(all.size());
  double ranks = 0, ties = 0;
  for (size_t i = 0; i < all.size();) {
    size_t end = i;
    while (end < all.size() && all[end].first == all[i].first) ++end;
    const auto same = static_cast<double>(end - i);
    const double rank = static_cast<double>(i + end + 1) / 2;  // their mean rank, from 1
    for (; i < end; ++i) ranks += all[i].second ? rank : 0;
    ties += same * same * same - same;
  }
  const auto n1 = static_cast<double>(after.size()), n2 = static_cast<double>(before.size());
  const double u = ranks - n1 * (n1 + 1) / 2;
  const double variance = n1 * n2 / 12 * (n + 1 - ties / (n * (n - 1)));
  if (!(variance > 0)) return 1;
  const double z = std::max(0.0, std::abs(u - n1 * n2 / 2) - 0.5) / std::sqrt(variance);
  return 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), z));
}

}  // namespace outrigger::stats
