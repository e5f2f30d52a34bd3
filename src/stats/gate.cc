#include "stats/gate.h"

#include <algorithm>
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

GateAnswer judge(std::span<const Pair> pairs, const Counts& counts, const GateSettings& settings) {
  GateAnswer answer;
  answer.change = log_quantile_change(pairs, settings.quantile, settings.resampling);
  answer.e_value = e_value(counts);
  if (answer.e_value >= 1 / settings.alpha) {
    answer.gate = Gate::kRollBack;
    answer.reason = absl::StrFormat("%d bad events where there were %d (e-value %.3g, bound %g)",
                                    counts.bad_after, counts.bad_before, answer.e_value, 1 / settings.alpha);
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
