// What a difference of two sides is worth.  Windows of one run resemble each other more than runs do, so an
// interval from windows alone is too narrow; where a block has runs of the same arm, their differences say by
// how much, and the interval is widened to it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "scorecard/pairing.h"
#include "stats/interval.h"

namespace outrigger::scorecard {

inline constexpr double kDeciding = 4;  // figures that may decide; each is judged at a quarter of the error

struct Evidence {
  std::optional<double> before, after;
  std::optional<stats::Interval> change, strict;  // of the logs; strict: when asked for
  std::optional<double> floor;                    // |log change| of A against A
  uint64_t n_before = 0, n_after = 0;             // samples, or windows
};

// Latencies of a run's windows, and a quantile of them.
using SketchOf = std::function<stats::Sketch(const measure::Window&)>;
Evidence quantile_evidence(std::span<const Block> blocks, const SketchOf& sketch_of, double q,
                           const stats::Resampling& how, bool decides);

// What a window says, and a statistic of many of them; none when there are too few.  Rows that are `summable`
// say of two windows what the sum of their rows says: of long runs neighbours are summed.
using Row = std::vector<double>;
using Rows = std::span<const Row* const>;
using RowStatistic = std::function<std::optional<double>(Rows)>;
using RowsOf = std::function<std::vector<Row>(const Run&)>;
enum class Kind { kSummable, kSingle };
Evidence row_evidence(std::span<const Block> blocks, const RowsOf& rows_of, const RowStatistic& statistic,
                      Kind kind, const stats::Resampling& how, bool decides);

// A bootstrap cannot draw what was not seen: of few events, or none, on a side the interval is widened to
// what Poisson's law allows for so many.
void widen_for_few(Evidence& evidence, double events_before, double events_after);

// Half the width of the interval that differences between runs of the same arm and block call for (Student),
// for the mean change over blocks; by differences between blocks when arms have one run each and there are
// three blocks or more.  None with fewer.
struct RunLogs {  // of the statistic, by run
  std::vector<double> before, after;
};
std::optional<double> between_runs(std::span<const RunLogs> blocks, double level);

// Neighbours put together until there are at most `most`.
std::vector<stats::Sketch> merged_to(std::vector<stats::Sketch> windows, size_t most);
std::vector<Row> summed_to(std::vector<Row> rows, size_t most);

}  // namespace outrigger::scorecard
