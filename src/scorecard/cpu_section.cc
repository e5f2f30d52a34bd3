#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "scorecard/judge.h"
#include "scorecard/rule.h"
#include "scorecard/sections.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

using measure::CpuShares;
using measure::Window;
using stats::Resampling;

constexpr double kMargin = 0.0953;      // 10 %: of CPU in use
constexpr double kWideMargin = 0.2231;  // 25 %: of variances and rates, which vary themselves
constexpr double kFewestWindows = 8;    // of a variance
constexpr double kFewestEvents = 10;    // of both sides: a rate of fewer is no rate

// Sums over rows, column by column.
Row sum_of(Rows rows) {
  Row sum(rows.empty() ? 0 : rows[0]->size(), 0);
  for (const Row* row : rows)
    std::transform(row->begin(), row->end(), sum.begin(), sum.begin(), std::plus<>());
  return sum;
}

// Rows of a value and 1.
std::optional<double> mean(Rows rows) {
  if (rows.empty()) return std::nullopt;
  const Row sum = sum_of(rows);
  return sum[0] / sum[1];
}

// One number a window; windows of which `of` says nothing are left out.
RowsOf each(const std::function<std::optional<double>(const Window&)>& of) {
  return [of](const Run& run) {
    std::vector<Row> rows;
    for (const Window* window : run.windows) {
      if (const auto value = of(*window)) rows.push_back({*value, 1});
    }
    return rows;
  };
}

// 1, and of each CPU its busy share in percentage points and the square of it.
std::vector<Row> busy_by_cpu(const Run& run) {
  std::vector<Row> rows;
  for (const Window* window : run.windows) {
    Row row = {1};
    for (const auto& [cpu, shares] : window->cpu) {
      const double share = 100 * busy(shares);
      row.push_back(share);
      row.push_back(share * share);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// The mean over CPUs of the variance over windows.
std::optional<double> variance_over_windows(Rows rows) {
  const Row sum = sum_of(rows);
  if (sum.size() < 3 || sum[0] < kFewestWindows) return std::nullopt;
  double variances = 0;
  for (size_t i = 1; i < sum.size(); i += 2)
    variances += std::max(0.0, sum[i + 1] - sum[i] * sum[i] / sum[0]) / (sum[0] - 1);
  return variances / static_cast<double>((sum.size() - 1) / 2);
}

RowsOf variance_by_window() {
  return each([](const Window& window) -> std::optional<double> {
    const auto n = static_cast<double>(window.cpu.size());
    double total = 0, squares = 0;
    for (const auto& [cpu, shares] : window.cpu) {
      const double share = 100 * busy(shares);
      total += share, squares += share * share;
    }
    return std::max(0.0, squares / n - total * total / n / n);
  });
}

Figure variance_figure(Blocks blocks, const Resampling& how) {
  Figure figure{.name = "cpu.variance", .title = "variance of CPU use over windows", .unit = "pp²"};
  figure.decides = true, figure.role = Role::kWeighs, figure.margin = kWideMargin, figure.least = 1;
  return judged(figure, row_evidence(blocks, busy_by_cpu, variance_over_windows, Kind::kSummable, how, true),
                "of each CPU's busy share (percentage points) over windows, the mean over CPUs");
}

Figure across_figure(Blocks blocks, const Resampling& how) {
  const Figure figure{
      .name = "cpu.variance_across", .title = "variance of CPU use across CPUs", .unit = "pp²"};
  return judged(figure, row_evidence(blocks, variance_by_window(), mean, Kind::kSummable, how, false),
                "of the busy shares of CPUs in a window, the mean over windows");
}

size_t cpus_of(Blocks blocks) { return blocks[0].before[0].windows[0]->cpu.size(); }

Figure class_figure(Blocks blocks, const Resampling& how, const std::string& name,
                    double (*share)(const CpuShares&)) {
  const bool all = name == "busy";
  Figure figure{.name = absl::StrCat("cpu.", name), .title = absl::StrCat("CPU, ", name), .unit = "CPUs"};
  figure.decides = all, figure.role = all ? Role::kWeighs : Role::kTold, figure.margin = kMargin;
  figure.least = 0.01 * static_cast<double>(cpus_of(blocks));
  const RowsOf rows = each([share](const Window& window) -> std::optional<double> {
    double sum = 0;
    for (const auto& [cpu, shares] : window.cpu) sum += share(shares);
    return sum;
  });
  return judged(figure, row_evidence(blocks, rows, mean, Kind::kSummable, how, all),
                "mean over windows of the sum over CPUs");
}

void add_cpu(Blocks blocks, const Resampling& how, Section& section) {
  if (cpus_of(blocks) == 0) {
    section.lines.emplace_back("nobody measured CPU time");
    return;
  }
  section.figures.push_back(variance_figure(blocks, how));
  if (cpus_of(blocks) > 1) section.figures.push_back(across_figure(blocks, how));
  const auto add = [&](const std::string& name, double (*share)(const CpuShares&)) {
    Figure figure = class_figure(blocks, how, name, share);
    if (figure.before != 0.0 || figure.after != 0.0) section.figures.push_back(std::move(figure));
  };
  add("busy", busy);
  add("user", [](const CpuShares& shares) { return shares.user + shares.nice; });
  add("system", [](const CpuShares& shares) { return shares.system; });
  add("softirq", [](const CpuShares& shares) { return shares.softirq; });
  add("irq", [](const CpuShares& shares) { return shares.irq; });
  add("steal", [](const CpuShares& shares) { return shares.steal; });
}

void add_run_queue(Blocks blocks, const Resampling& how, Section& section) {
  Figure figure{.name = "run_queue.wait", .title = "run-queue wait, all CPUs", .unit = "ms/s"};
  figure.role = Role::kWeighs, figure.margin = kWideMargin, figure.least = 1;
  const RowsOf rows = each([](const Window& window) -> std::optional<double> {
    if (window.run_queue_wait.empty()) return std::nullopt;
    double sum = 0;
    for (const auto& [cpu, wait] : window.run_queue_wait) sum += 1000 * wait;
    return sum;
  });
  const Evidence evidence = row_evidence(blocks, rows, mean, Kind::kSummable, how, false);
  if (evidence.n_before > 0 || evidence.n_after > 0)
    section.figures.push_back(
        judged(figure, evidence, "that tasks waited for a CPU though ready to run (schedstat)"));
}

// Events and the seconds that somebody looked; half an event more, so that none in one arm has a logarithm.
std::optional<double> rate(Rows rows) {
  if (rows.empty()) return std::nullopt;
  const Row sum = sum_of(rows);
  return (sum[0] + 0.5) / sum[1];
}

RowsOf gaps_over(uint64_t ns) {
  return [ns](const Run& run) {
    std::vector<Row> rows;
    for (const Window* window : run.windows) {
      if (window->spun > 0) rows.push_back({static_cast<double>(window->gaps.above(ns)), window->spun});
    }
    return rows;
  };
}

struct Seen {
  double events = 0, looked = 0;
};

Seen seen_of(Blocks blocks, const RowsOf& rows_of, std::vector<Run> Block::*side) {
  Seen seen;
  for (const Block& block : blocks) {
    for (const Run& run : block.*side) {
      for (const Row& row : rows_of(run)) seen.events += row[0], seen.looked += row[1];
    }
  }
  return seen;
}

void add_gaps(Blocks blocks, const Resampling& how, uint32_t us, Section& section) {
  Figure figure{.name = absl::StrCat("gaps.over_", us, "us"),
                .title = absl::StrCat("gaps over ", us, " µs"),
                .unit = "1/s"};
  if (us == 100) figure.role = Role::kWeighs, figure.margin = kWideMargin, figure.least = 0.5;
  const RowsOf rows = gaps_over(uint64_t{1000} * us);
  const Seen before = seen_of(blocks, rows, &Block::before), after = seen_of(blocks, rows, &Block::after);
  if (before.looked <= 0 || after.looked <= 0) return;
  Evidence evidence = row_evidence(blocks, rows, rate, Kind::kSummable, how, false);
  evidence.before = before.events / before.looked, evidence.after = after.events / after.looked;
  figure.why = absl::StrCat(number(before.events), " in ", amount(before.looked, "s"), " looked at, ",
                            number(after.events), " in ", amount(after.looked, "s"));
  widen_for_few(evidence, before.events, after.events);
  if (before.events + after.events < kFewestEvents) evidence.change.reset();
  section.figures.push_back(
      judged(figure, evidence, "a spinning thread was away for longer; per second that it looked"));
}

void add_wakeups(Blocks blocks, const Resampling& how, Section& section) {
  const auto add = [&](double q, const char* name, Role role) {
    Figure figure{
        .name = absl::StrCat("wakeups.", name), .title = absl::StrCat("timer wake-up, ", name), .unit = "µs"};
    figure.role = role, figure.margin = kWideMargin, figure.least = 5;
    Evidence evidence = quantile_evidence(
        blocks, [](const Window& window) { return window.wakeups; }, q, how, false);
    if (evidence.n_before == 0 && evidence.n_after == 0) return;
    for (auto* value : {&evidence.before, &evidence.after}) {
      if (*value) **value /= 1000;
    }
    section.figures.push_back(judged(figure, evidence, "how late a timer woke its thread, merged sketches"));
  };
  add(0.5, "p50", Role::kTold);
  add(0.99, "p99", Role::kWeighs);
  uint64_t before = 0, after = 0;
  for (const Block& block : blocks) {
    for (const Run& run : block.before)
      for (const Window* window : run.windows) before = std::max(before, window->wakeups.max());
    for (const Run& run : block.after)
      for (const Window* window : run.windows) after = std::max(after, window->wakeups.max());
  }
  if (before == 0 && after == 0) return;
  Figure longest{.name = "wakeups.max", .title = "timer wake-up, longest", .unit = "µs"};
  longest.before = static_cast<double>(before) / 1000, longest.after = static_cast<double>(after) / 1000;
  longest.judged = "not judged", longest.why = "a maximum grows with the length of a run: told, never judged";
  section.figures.push_back(std::move(longest));
}

}  // namespace

double busy(const CpuShares& shares) {
  return shares.user + shares.nice + shares.system + shares.softirq + shares.irq;
}

Section cpu_section(Blocks blocks, const Resampling& how) {
  Section section{.name = "cpu", .title = "Host CPU and its variance"};
  add_cpu(blocks, how, section);
  for (const uint32_t us : {10u, 50u, 100u, 1000u}) add_gaps(blocks, how, us, section);
  add_wakeups(blocks, how, section);
  add_run_queue(blocks, how, section);
  rule_on(section);
  return section;
}

}  // namespace outrigger::scorecard
