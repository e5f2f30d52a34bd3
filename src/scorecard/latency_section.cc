#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scorecard/judge.h"
#include "scorecard/rule.h"
#include "scorecard/sections.h"
#include "scorecard/words.h"
#include "stats/gate.h"

namespace outrigger::scorecard {

namespace {

using measure::Window;
using stats::Resampling;

constexpr double kMargin = 0.0488;           // 5 %
constexpr double kTenth = 0.0953;            // 10 %
constexpr double kWideMargin = 0.2231;       // 25 %
constexpr uint64_t kSamplesOfAWindow = 100;  // so that its p99 is not its maximum
constexpr size_t kMostWindows = 1000;        // of a run: more would only cost time
constexpr double kResolution = 0.004;        // of sketches: no spread below it is real
constexpr double kSpeaks = 20;               // of an e-value: 1 / 5 %

Evidence in_ms(Evidence evidence) {
  for (auto* value : {&evidence.before, &evidence.after}) {
    if (*value) **value /= 1e6;
  }
  return evidence;
}

bool unanswered(const std::optional<double>& ns) { return ns && *ns >= kUnanswered_ns / 2.0; }

Figure quantile_figure(Blocks blocks, const Resampling& how, double q, const std::string& name) {
  Figure figure{
      .name = absl::StrCat("latency.", name), .title = absl::StrCat("latency, ", name), .unit = "ms"};
  if (name == "p50") figure.role = Role::kWeighs, figure.margin = kTenth;
  if (name == "p99") figure.role = Role::kForbids, figure.margin = kMargin, figure.decides = true;
  if (name == "p99.9") figure.role = Role::kForbids, figure.margin = kTenth;
  Evidence evidence = quantile_evidence(blocks, latency_with_failed, q, how, figure.decides);
  const uint64_t needed = stats::samples_needed(q);
  if (!evidence.change)
    figure.why = absl::StrCat(name, " needs ", needed, " requests of each side of each block; there are ",
                              evidence.n_before, " and ", evidence.n_after, " in ", blocks.size(),
                              blocks.size() == 1 ? " block" : " blocks");
  if (unanswered(evidence.before) || unanswered(evidence.after)) {
    figure.why = absl::StrCat("so many requests ", unanswered(evidence.after) ? "after" : "before",
                              " were never answered that there is no ", name, ": it counts as an hour");
  }
  Figure out = judged(figure, in_ms(evidence), "merged sketches, from intended start times");
  if (unanswered(evidence.before)) out.before.reset();
  if (unanswered(evidence.after)) out.after.reset();
  return out;
}

std::optional<double> deviation(Rows rows) {
  std::vector<double> values;
  for (const Row* row : rows) values.push_back((*row)[0]);
  const auto found = stats::median_absolute_deviation(values);
  return found ? std::optional(std::max(*found, kResolution)) : std::nullopt;
}

Figure stability_figure(Blocks blocks, const Resampling& how, size_t together) {
  Figure figure{.name = "latency.p99_mad", .title = "latency, spread of p99 by window"};
  figure.decides = true, figure.role = Role::kWeighs, figure.margin = kWideMargin, figure.least = 0.02;
  const RowsOf rows = [together](const Run& run) { return log_p99s(run, together); };
  const std::string method =
      absl::StrCat("median absolute deviation of log p99 over windows", together == 1 ? "" : " of ",
                   together == 1 ? "" : absl::StrCat(together, " put together"));
  Evidence evidence = row_evidence(blocks, rows, deviation, Kind::kSingle, how, true);
  if (!evidence.change) figure.why = "needs 8 windows of at least 100 requests of each side of each block";
  return judged(figure, evidence, method);
}

Figure budget_figure(Blocks blocks, const Resampling& how, size_t together, double budget_ms) {
  Figure figure{.name = "latency.over_budget",
                .title = absl::StrCat("windows over ", number(budget_ms), " ms p99"),
                .unit = "%"};
  figure.role = Role::kWeighs, figure.margin = kWideMargin, figure.least = 1;
  const double bound = std::log(budget_ms * 1e6);
  const RowsOf rows = [together, bound](const Run& run) {
    std::vector<Row> over = log_p99s(run, together);
    for (Row& row : over) row = {row[0] > bound ? 1.0 : 0.0, 1};
    return over;
  };
  const RowStatistic share = [](Rows all) -> std::optional<double> {
    if (all.empty()) return std::nullopt;
    double over = 0.5, windows = 1;
    for (const Row* row : all) over += (*row)[0], windows += (*row)[1];
    return 100 * over / windows;
  };
  const auto counted = [&](std::vector<Run> Block::*side) {
    std::pair<double, double> out;  // over, of
    for (const Block& block : blocks) {
      for (const Run& run : block.*side) {
        for (const Row& row : rows(run)) out.first += row[0], out.second += 1;
      }
    }
    return out;
  };
  Evidence evidence = row_evidence(blocks, rows, share, Kind::kSummable, how, false);
  const auto was = counted(&Block::before), is = counted(&Block::after);
  if (was.second > 0) evidence.before = 100 * was.first / was.second;
  if (is.second > 0) evidence.after = 100 * is.first / is.second;
  widen_for_few(evidence, was.first, is.first);
  return judged(figure, evidence, "share of windows whose p99 is over the budget");
}

struct Failures {
  uint64_t sent = 0, failed = 0, windows = 0, bad = 0;
};

Failures failures_of(Blocks blocks, std::vector<Run> Block::*side) {
  Failures out;
  for (const Block& block : blocks) {
    for (const Run& run : block.*side) {
      for (const Window* window : run.windows) {
        out.sent += window->sent, out.failed += window->failed;
        ++out.windows, out.bad += window->failed > 0;
      }
    }
  }
  return out;
}

double percent(const Failures& one) {
  return one.sent == 0 ? 0 : 100.0 * static_cast<double>(one.failed) / static_cast<double>(one.sent);
}

// Failures come in heaps, and a heap is one event: windows that have any are counted.
Figure failed_figure(Blocks blocks) {
  Figure figure{.name = "latency.failed", .title = "requests that failed", .unit = "%"};
  figure.role = Role::kForbids;
  const Failures before = failures_of(blocks, &Block::before), after = failures_of(blocks, &Block::after);
  figure.before = percent(before), figure.after = percent(after);
  figure.n_before = before.sent, figure.n_after = after.sent;
  const stats::Counts counts{before.bad, after.bad, static_cast<double>(before.windows),
                             static_cast<double>(after.windows)};
  const double more = stats::e_value(counts);
  const double fewer =
      stats::e_value({counts.bad_after, counts.bad_before, counts.exposure_after, counts.exposure_before});
  figure.judged = more >= kSpeaks ? "worse" : fewer >= kSpeaks ? "better" : "no difference shown";
  figure.why = absl::StrFormat(
      "%d of %d windows had a failure, then %d of %d; e-value of more %.3g, of fewer %.3g, speaking from %g "
      "on",
      before.bad, before.windows, after.bad, after.windows, more, fewer, kSpeaks);
  return figure;
}

}  // namespace

stats::Sketch latency_with_failed(const Window& window) {
  stats::Sketch all = window.latency;
  all.add(kUnanswered_ns, window.failed);
  return all;
}

size_t windows_together(Blocks blocks) {
  uint64_t fewest = UINT64_MAX;
  size_t longest = 0;
  for (const Block& block : blocks) {
    for (const auto* side : {&block.before, &block.after}) {
      for (const Run& run : *side) {
        uint64_t samples = 0;
        longest = std::max(longest, run.windows.size());
        for (const Window* window : run.windows) samples += window->latency.count() + window->failed;
        fewest = std::min(fewest, samples / std::max<size_t>(run.windows.size(), 1));
      }
    }
  }
  const size_t by_samples = (kSamplesOfAWindow + fewest - 1) / std::max<uint64_t>(fewest, 1);
  return std::max({by_samples, (longest + kMostWindows - 1) / kMostWindows, size_t{1}});
}

std::vector<Row> log_p99s(const Run& run, size_t together) {
  std::vector<Row> out;
  for (size_t i = 0; i + together <= run.windows.size(); i += together) {
    stats::Sketch all;
    for (size_t j = i; j < i + together; ++j) all.merge(latency_with_failed(*run.windows[j]));
    if (all.count() >= kSamplesOfAWindow / 2) out.push_back({std::log(std::max(all.quantile(0.99), 1.0))});
  }
  return out;
}

Section latency_section(Blocks blocks, const Resampling& how) {
  Section section{.name = "latency", .title = "Application latency and its stability"};
  const measure::Work& work = blocks[0].before[0].measured->work;
  if (failures_of(blocks, &Block::before).sent == 0 || failures_of(blocks, &Block::after).sent == 0) {
    section.why = "nobody asked the application";
    section.lines.emplace_back("no application was probed: whether its users gain or lose is not known");
    return section;
  }
  for (const auto& [q, name] : {std::pair{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}})
    section.figures.push_back(quantile_figure(blocks, how, q, name));
  const size_t together = windows_together(blocks);
  section.figures.push_back(stability_figure(blocks, how, together));
  if (work.budget_ms > 0) section.figures.push_back(budget_figure(blocks, how, together, work.budget_ms));
  section.figures.push_back(failed_figure(blocks));
  rule_on(section);
  return section;
}

}  // namespace outrigger::scorecard
