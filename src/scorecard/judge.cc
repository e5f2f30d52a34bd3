#include "scorecard/judge.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

// The change with up for worse.
stats::Interval toward_worse(const Figure& figure, const stats::Interval& change) {
  if (figure.less_is_better) return change;
  return {-change.estimate, -change.high, -change.low, change.n_before, change.n_after};
}

// Whether a log change, from where the figure was before, is a difference that anybody cares for.
bool matters(const Figure& figure, double log_change) {
  if (!figure.before) return true;
  const double from =
      *figure.before > 0 ? *figure.before * std::abs(std::expm1(log_change)) : figure.after.value_or(0);
  return from > figure.least;
}

bool beyond_floor(const Figure& figure) {
  return figure.noise_floor && std::abs(figure.log_change->estimate) > *figure.noise_floor;
}

std::string verdict_on(const Figure& figure) {
  if (figure.before == 0.0 && figure.after == 0.0) return "no difference shown";
  if (!figure.log_change || !figure.noise_floor) return "too little data";
  const stats::Interval change = toward_worse(figure, figure.strict.value_or(*figure.log_change));
  if (change.low <= 0 && change.high >= 0) return "no difference shown";
  if (!beyond_floor(figure)) return "inside the noise";
  if (!matters(figure, figure.log_change->estimate)) return "too small to matter";
  const bool beyond = std::abs(change.estimate) > figure.margin;
  return absl::StrCat(change.estimate < 0 ? "better" : "worse", beyond ? "" : ", inside its margin");
}

std::string numbers_of(const Figure& figure) {
  if (!figure.log_change) return "";
  std::string out =
      absl::StrCat("; ", change(figure.log_change->estimate), ", interval ", range(*figure.log_change));
  if (figure.strict) absl::StrAppend(&out, " (as one of four that may decide: ", range(*figure.strict), ")");
  if (figure.noise_floor)
    absl::StrAppend(&out, "; A against A differs by up to ", change(*figure.noise_floor));
  if (!figure.noise_floor) absl::StrAppend(&out, "; too few windows to know how much A differs from A");
  return out;
}

}  // namespace

Figure judged(Figure figure, const Evidence& evidence, const std::string& method) {
  figure.before = evidence.before;
  figure.after = evidence.after;
  figure.log_change = evidence.change;
  figure.strict = evidence.strict;
  figure.noise_floor = evidence.floor;
  figure.n_before = evidence.n_before;
  figure.n_after = evidence.n_after;
  figure.judged = verdict_on(figure);
  figure.why = absl::StrCat(method, figure.why.empty() ? "" : "; ", figure.why, numbers_of(figure));
  return figure;
}

bool shown_better(const Figure& figure) { return figure.log_change && figure.judged == "better"; }

bool shown_worse(const Figure& figure) {
  if (!figure.log_change || !beyond_floor(figure)) return false;
  const stats::Interval change = toward_worse(figure, *figure.log_change);
  return change.low > figure.margin && matters(figure, figure.log_change->estimate);
}

bool looks_worse(const Figure& figure) {
  if (!figure.log_change || shown_worse(figure)) return false;
  const double change = toward_worse(figure, *figure.log_change).estimate;
  return change > std::max(figure.margin, figure.noise_floor.value_or(0)) &&
         matters(figure, figure.log_change->estimate);
}

bool shown_not_worse(const Figure& figure) {
  if (figure.before == 0.0 && figure.after == 0.0) return true;
  if (!figure.log_change) return false;
  const stats::Interval change = toward_worse(figure, *figure.log_change);
  const double worst = figure.less_is_better ? figure.log_change->high : figure.log_change->low;
  return change.high <= figure.margin || !matters(figure, worst);
}

bool shown_without_gain(const Figure& figure) {
  if (figure.before == 0.0 && figure.after == 0.0) return true;
  if (!figure.log_change) return false;
  const double best = figure.less_is_better ? figure.log_change->low : figure.log_change->high;
  return toward_worse(figure, *figure.log_change).low > -figure.margin || !matters(figure, best);
}

}  // namespace outrigger::scorecard
