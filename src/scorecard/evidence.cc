#include "scorecard/evidence.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numeric>

namespace outrigger::scorecard {

namespace {

using stats::Interval;
using stats::Resampling;
using stats::Sketch;

constexpr size_t kMostParts = 128;  // of a side of a block: more would only cost time

constexpr double kNoBound = 20;  // of a logarithm: beyond anything

size_t parts_of(const std::vector<Run>& runs) { return std::max<size_t>(kMostParts / runs.size(), 8); }

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double scatter_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum;
}

double student(double freedom, double level) {
  return boost::math::quantile(boost::math::complement(boost::math::students_t(freedom), (1 - level) / 2));
}

Resampling stricter(Resampling how) {
  how.level = 1 - (1 - how.level) / kDeciding;
  return how;
}

void widen(std::optional<Interval>& interval, const std::optional<double>& half) {
  if (!interval || !half) return;
  interval->low = std::min(interval->low, interval->estimate - *half);
  interval->high = std::max(interval->high, interval->estimate + *half);
}

// Intervals, floor and what runs among each other say, put together the same way for every statistic.
void put_together(Evidence& evidence, std::span<const RunLogs> runs, const Resampling& how,
                  const std::function<std::optional<Interval>(const Resampling&)>& change,
                  const std::function<std::optional<double>(const Resampling&)>& floor, bool decides) {
  const auto half = between_runs(runs, how.level);
  evidence.change = change(how);
  widen(evidence.change, half);
  if (decides && evidence.change) {
    evidence.strict = change(stricter(how));
    widen(evidence.strict, between_runs(runs, stricter(how).level));
  }
  if (!evidence.change) return;
  evidence.floor = floor(how);
  if (evidence.floor && half) evidence.floor = std::max(*evidence.floor, *half);
}

std::vector<Sketch> sketches_of(const Run& run, const SketchOf& sketch_of) {
  std::vector<Sketch> out;
  for (const measure::Window* window : run.windows) out.push_back(sketch_of(*window));
  return out;
}

Sketch merged(std::span<const Sketch> parts) {
  Sketch all;
  for (const Sketch& part : parts) all.merge(part);
  return all;
}

// Of one side of a block: windows of all its runs, and the log of the quantile of each run that has enough.
struct SketchSide {
  std::vector<Sketch> windows;
  std::vector<double> logs;
};

SketchSide side_of(const std::vector<Run>& runs, const SketchOf& sketch_of, double q) {
  SketchSide side;
  for (const Run& run : runs) {
    std::vector<Sketch> windows = sketches_of(run, sketch_of);
    const Sketch whole = merged(windows);
    if (whole.count() >= stats::samples_needed(q))
      side.logs.push_back(std::log(std::max(whole.quantile(q), 0.5)));
    windows = merged_to(std::move(windows), parts_of(runs));
    side.windows.insert(side.windows.end(), windows.begin(), windows.end());
  }
  if (side.logs.size() < runs.size()) side.logs.clear();
  return side;
}

std::optional<double> quantile_in(const Sketch& all, double q) {
  if (all.count() < stats::samples_needed(q)) return std::nullopt;
  return all.quantile(q);
}

struct RowSide {
  uint64_t windows = 0;
  std::vector<Row> rows;
  std::vector<double> logs;
};

std::vector<const Row*> pointers(const std::vector<Row>& rows) {
  std::vector<const Row*> out;
  for (const Row& row : rows) out.push_back(&row);
  return out;
}

std::optional<double> log_of(const std::optional<double>& value) {
  if (!value || !(*value > 0) || !std::isfinite(*value)) return std::nullopt;
  return std::log(*value);
}

RowSide side_of(const std::vector<Run>& runs, const RowsOf& rows_of, const RowStatistic& statistic,
                Kind kind) {
  RowSide side;
  for (const Run& run : runs) {
    std::vector<Row> rows = rows_of(run);
    side.windows += rows.size();
    if (const auto log = log_of(statistic(pointers(rows)))) side.logs.push_back(*log);
    if (kind == Kind::kSummable) rows = summed_to(std::move(rows), parts_of(runs));
    side.rows.insert(side.rows.end(), std::make_move_iterator(rows.begin()),
                     std::make_move_iterator(rows.end()));
  }
  if (side.logs.size() < runs.size()) side.logs.clear();
  return side;
}

struct RowBlock {
  RowSide before, after;
};

// stats/interval.h works on numbers: each stands for a row here, counted through all blocks and sides.
class Numbered {
 public:
  explicit Numbered(std::span<const RowBlock> blocks) {
    for (const RowBlock& block : blocks)
      pairs_.push_back({numbers(block.before.rows), numbers(block.after.rows)});
  }
  [[nodiscard]] std::span<const stats::ValuePair> pairs() const { return pairs_; }
  [[nodiscard]] stats::Statistic with(const RowStatistic& statistic) {
    return [this, &statistic](std::span<const double> drawn) {
      drawn_.clear();
      for (const double number : drawn) drawn_.push_back(rows_[static_cast<size_t>(number)]);
      return statistic(drawn_);
    };
  }

 private:
  std::vector<double> numbers(const std::vector<Row>& rows) {
    std::vector<double> out;
    for (const Row& row : rows) {
      out.push_back(static_cast<double>(rows_.size()));
      rows_.push_back(&row);
    }
    return out;
  }
  std::vector<const Row*> rows_, drawn_;
  std::vector<stats::ValuePair> pairs_;
};

// Geometric means over blocks, so that after over before is the change; of all rows when a block has none.
std::optional<double> value_of(std::span<const RowBlock> blocks, const RowStatistic& statistic,
                               RowSide RowBlock::*side) {
  double sum = 0;
  std::vector<const Row*> all;
  bool each = true;
  for (const RowBlock& block : blocks) {
    const std::vector<const Row*> rows = pointers((block.*side).rows);
    const auto log = log_of(statistic(rows));
    each = each && log;
    sum += log.value_or(0);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return each ? std::exp(sum / static_cast<double>(blocks.size())) : statistic(all);
}

}  // namespace

void widen_for_few(Evidence& evidence, double events_before, double events_after) {
  // How far the log of the true rate may lie above and below that of events + 1/2, at 95 %.
  const auto above = [](double k) { return std::log(boost::math::gamma_p_inv(k + 1, 0.975) / (k + 0.5)); };
  const auto below = [](double k) {
    return k > 0 ? std::log((k + 0.5) / boost::math::gamma_p_inv(k, 0.025)) : kNoBound;
  };
  for (auto* interval : {&evidence.change, &evidence.strict}) {
    if (!*interval) continue;
    const double estimate = (*interval)->estimate;
    (*interval)->low =
        std::min((*interval)->low, estimate - std::max(below(events_after), above(events_before)));
    (*interval)->high =
        std::max((*interval)->high, estimate + std::max(above(events_after), below(events_before)));
  }
}

std::vector<Sketch> merged_to(std::vector<Sketch> windows, size_t most) {
  const size_t each = (windows.size() + most - 1) / most;
  if (each <= 1) return windows;
  std::vector<Sketch> out;
  for (size_t i = 0; i < windows.size(); i += each)
    out.push_back(merged(std::span(windows).subspan(i, std::min(each, windows.size() - i))));
  return out;
}

std::vector<Row> summed_to(std::vector<Row> rows, size_t most) {
  const size_t each = (rows.size() + most - 1) / most;
  if (each <= 1) return rows;
  std::vector<Row> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i % each == 0) {
      out.push_back(std::move(rows[i]));
    } else {
      std::transform(rows[i].begin(), rows[i].end(), out.back().begin(), out.back().begin(), std::plus<>());
    }
  }
  return out;
}

std::optional<double> between_runs(std::span<const RunLogs> blocks, double level) {
  if (blocks.empty()) return std::nullopt;
  double scatter = 0, freedom = 0, parts = 0;
  std::vector<double> changes;
  for (const RunLogs& block : blocks) {
    if (block.before.empty() || block.after.empty()) return std::nullopt;
    for (const auto* arm : {&block.before, &block.after}) {
      scatter += scatter_of(*arm);
      freedom += static_cast<double>(arm->size()) - 1;
      parts += 1 / static_cast<double>(arm->size());
    }
    changes.push_back(mean_of(block.after) - mean_of(block.before));
  }
  const auto n = static_cast<double>(blocks.size());
  if (freedom >= 2) return student(freedom, level) * std::sqrt(scatter / freedom * parts) / n;
  if (blocks.size() < 3) return std::nullopt;
  return student(n - 1, level) * std::sqrt(scatter_of(changes) / (n - 1) / n);
}

Evidence quantile_evidence(std::span<const Block> blocks, const SketchOf& sketch_of, double q,
                           const Resampling& how, bool decides) {
  std::vector<stats::Pair> pairs;
  std::vector<RunLogs> logs;
  Sketch before, after;
  for (const Block& block : blocks) {
    SketchSide one = side_of(block.before, sketch_of, q), two = side_of(block.after, sketch_of, q);
    before.merge(merged(one.windows));
    after.merge(merged(two.windows));
    logs.push_back({std::move(one.logs), std::move(two.logs)});
    pairs.push_back({std::move(one.windows), std::move(two.windows)});
  }
  Evidence evidence{.before = quantile_in(before, q), .after = quantile_in(after, q)};
  evidence.n_before = before.count(), evidence.n_after = after.count();
  put_together(
      evidence, logs, how, [&](const Resampling& r) { return stats::log_quantile_change(pairs, q, r); },
      [&](const Resampling& r) { return stats::noise_floor(pairs, q, r); }, decides);
  return evidence;
}

Evidence row_evidence(std::span<const Block> blocks, const RowsOf& rows_of, const RowStatistic& statistic,
                      Kind kind, const Resampling& how, bool decides) {
  std::vector<RowBlock> sides;
  std::vector<RunLogs> logs;
  Evidence evidence;
  for (const Block& block : blocks) {
    sides.push_back(
        {side_of(block.before, rows_of, statistic, kind), side_of(block.after, rows_of, statistic, kind)});
    logs.push_back({sides.back().before.logs, sides.back().after.logs});
    evidence.n_before += sides.back().before.windows;
    evidence.n_after += sides.back().after.windows;
  }
  evidence.before = value_of(sides, statistic, &RowBlock::before);
  evidence.after = value_of(sides, statistic, &RowBlock::after);
  Numbered numbered(sides);
  const stats::Statistic numbers = numbered.with(statistic);
  put_together(
      evidence, logs, how,
      [&](const Resampling& r) { return stats::log_change(numbered.pairs(), numbers, r); },
      [&](const Resampling& r) { return stats::noise_floor(numbered.pairs(), numbers, r); }, decides);
  return evidence;
}

}  // namespace outrigger::scorecard
