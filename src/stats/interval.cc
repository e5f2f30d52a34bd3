#include "stats/interval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>

namespace outrigger::stats {

namespace {

using Random = std::mt19937_64;

uint32_t below(Random& random, size_t n) {
  return static_cast<uint32_t>(std::uniform_int_distribution<size_t>(0, n - 1)(random));
}

size_t block_of(const Resampling& how, size_t windows) {
  const size_t wanted =
      how.block != 0 ? how.block : static_cast<size_t>(std::cbrt(static_cast<double>(windows)));
  return std::clamp<size_t>(wanted, 1, std::max<size_t>(windows, 1));
}

// Windows drawn in blocks that go round at the end (circular): each window is as likely as any other.
void draw_blocks(Random& random, size_t windows, size_t block, std::vector<uint32_t>& drawn) {
  drawn.clear();
  while (drawn.size() < windows) {
    const uint32_t start = below(random, windows);
    for (size_t i = 0; i < block && drawn.size() < windows; ++i)
      drawn.push_back(static_cast<uint32_t>((start + i) % windows));
  }
}

std::vector<uint32_t> all_of(size_t windows) {
  std::vector<uint32_t> all(windows);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

// One side of a comparison: a statistic of some of its windows, log taken.
class Side {
 public:
  virtual ~Side() = default;
  [[nodiscard]] virtual size_t windows() const = 0;
  [[nodiscard]] virtual std::optional<double> log_of(std::span<const uint32_t> windows) = 0;
};

// Sketches as rows of one table, so that a draw is a sum of rows.
class SketchSide : public Side {
 public:
  SketchSide(std::span<const Sketch> windows, double q) : q_(q), windows_(windows.size()) {
    std::map<uint32_t, size_t> columns;
    for (const Sketch& one : windows) {
      for (const auto& [bucket, times] : one.buckets()) columns.try_emplace(bucket, 0);
    }
    for (auto& [bucket, column] : columns) {
      column = middles_.size();
      middles_.push_back(Sketch::middle_of(bucket));
    }
    table_.resize(windows_ * middles_.size());
    for (size_t i = 0; i < windows_; ++i) {
      for (const auto& [bucket, times] : windows[i].buckets())
        table_[i * middles_.size() + columns[bucket]] = times;
    }
    sum_.resize(middles_.size());
  }
  [[nodiscard]] size_t windows() const override { return windows_; }
  [[nodiscard]] std::optional<double> log_of(std::span<const uint32_t> windows) override {
    std::fill(sum_.begin(), sum_.end(), 0);
    for (const uint32_t window : windows) {
      const uint64_t* const row = &table_[window * middles_.size()];
      for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += row[i];
    }
    const uint64_t count = std::accumulate(sum_.begin(), sum_.end(), uint64_t{0});
    if (count == 0) return std::nullopt;
    const uint64_t rank = rank_of(q_, count);
    uint64_t seen = 0;
    for (size_t i = 0; i < sum_.size(); ++i) {
      if ((seen += sum_[i]) >= rank) return std::log(std::max(middles_[i], 0.5));
    }
    return std::nullopt;
  }

 private:
  const double q_;
  const size_t windows_;
  std::vector<double> middles_;
  std::vector<uint64_t> table_, sum_;  // windows x middles; middles
};

class ValueSide : public Side {
 public:
  ValueSide(std::span<const double> values, const Statistic& statistic)
      : values_(values), statistic_(statistic) {}
  [[nodiscard]] size_t windows() const override { return values_.size(); }
  [[nodiscard]] std::optional<double> log_of(std::span<const uint32_t> windows) override {
    drawn_.clear();
    for (const uint32_t window : windows) drawn_.push_back(values_[window]);
    const std::optional<double> value = statistic_(drawn_);
    if (!value || !(*value > 0) || !std::isfinite(*value)) return std::nullopt;
    return std::log(*value);
  }

 private:
  std::span<const double> values_;
  const Statistic& statistic_;
  std::vector<double> drawn_;
};

struct Sides {
  std::unique_ptr<Side> before, after;
};

std::optional<double> change_of(std::vector<Sides>& pairs) {
  double sum = 0;
  for (Sides& pair : pairs) {
    const auto before = pair.before->log_of(all_of(pair.before->windows()));
    const auto after = pair.after->log_of(all_of(pair.after->windows()));
    if (!before || !after) return std::nullopt;
    sum += *after - *before;
  }
  return sum / static_cast<double>(pairs.size());
}

// The value below which the share q of the sorted values lies.
double quantile_of(const std::vector<double>& sorted, double q) {
  return sorted[rank_of(q, sorted.size()) - 1];
}

// With few pairs, drawing pairs would make intervals that are too narrow: then only windows are drawn.
constexpr size_t kPairsToDraw = 6;
constexpr size_t kFewestWindows = 4;  // of a side that is cut in halves

std::optional<double> drawn_change(std::vector<Sides>& pairs, const Resampling& how, Random& random,
                                   std::vector<uint32_t>& drawn) {
  double sum = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    Sides& pair = pairs[pairs.size() >= kPairsToDraw ? below(random, pairs.size()) : i];
    draw_blocks(random, pair.before->windows(), block_of(how, pair.before->windows()), drawn);
    const auto before = pair.before->log_of(drawn);
    draw_blocks(random, pair.after->windows(), block_of(how, pair.after->windows()), drawn);
    const auto after = pair.after->log_of(drawn);
    if (!before || !after) return std::nullopt;
    sum += *after - *before;
  }
  return sum / static_cast<double>(pairs.size());
}

std::optional<Interval> bootstrap(std::vector<Sides> pairs, const Resampling& how) {
  if (pairs.empty() || how.rounds == 0) return std::nullopt;
  for (const Sides& pair : pairs) {
    if (pair.before->windows() == 0 || pair.after->windows() == 0) return std::nullopt;
  }
  const std::optional<double> estimate = change_of(pairs);
  if (!estimate) return std::nullopt;
  Random random(how.seed);
  std::vector<uint32_t> drawn;
  std::vector<double> changes;
  for (uint32_t round = 0; round < how.rounds; ++round) {
    const auto change = drawn_change(pairs, how, random, drawn);
    if (change) changes.push_back(*change);
  }
  if (changes.size() < how.rounds / 2) return std::nullopt;  // the statistic is not there in most draws
  std::sort(changes.begin(), changes.end());
  const double tail = (1 - how.level) / 2;
  return Interval{*estimate, quantile_of(changes, tail), quantile_of(changes, 1 - tail), 0, 0};
}

// Its windows dealt, block by block, to one half or the other.
std::optional<double> halves_differ(Side& side, const Resampling& how, Random& random) {
  const size_t windows = side.windows(), block = block_of(how, windows);
  std::array<std::vector<uint32_t>, 2> halves;
  std::vector<uint8_t> deal((windows + block - 1) / block);
  for (size_t i = 0; i < deal.size(); ++i) deal[i] = i % 2;
  std::shuffle(deal.begin(), deal.end(), random);
  for (uint32_t i = 0; i < windows; ++i) halves[deal[i / block]].push_back(i);
  const auto first = side.log_of(halves[0]), second = side.log_of(halves[1]);
  if (!first || !second) return std::nullopt;
  return *first - *second;
}

// One draw of what the mean over pairs would be, were both sides of each pair alike.
std::optional<double> drawn_floor(std::vector<Sides>& pairs, const Resampling& how, Random& random) {
  double sum = 0;
  for (Sides& pair : pairs) {
    const auto differ = halves_differ(below(random, 2) == 0 ? *pair.before : *pair.after, how, random);
    if (!differ) return std::nullopt;
    sum += *differ;
  }
  return std::abs(sum) / static_cast<double>(pairs.size());
}

std::optional<double> floor_of(std::vector<Sides> pairs, const Resampling& how) {
  for (const Sides& pair : pairs) {
    if (pair.before->windows() < kFewestWindows || pair.after->windows() < kFewestWindows)
      return std::nullopt;
  }
  Random random(how.seed);
  std::vector<double> seen;
  for (uint32_t round = 0; round < how.rounds; ++round) {
    if (const auto one = drawn_floor(pairs, how, random)) seen.push_back(*one);
  }
  if (pairs.empty() || seen.empty() || seen.size() < how.rounds / 2) return std::nullopt;
  std::sort(seen.begin(), seen.end());
  // Halves have half of the windows each: the whole differs from its like by less, by the root of two.
  return quantile_of(seen, how.level) / std::sqrt(2.0);
}

std::vector<Sides> sides_of(std::span<const Pair> pairs, double q) {
  std::vector<Sides> sides;
  for (const Pair& pair : pairs)
    sides.push_back(
        {std::make_unique<SketchSide>(pair.before, q), std::make_unique<SketchSide>(pair.after, q)});
  return sides;
}

std::vector<Sides> sides_of(std::span<const ValuePair> pairs, const Statistic& statistic) {
  std::vector<Sides> sides;
  for (const ValuePair& pair : pairs) {
    sides.push_back({std::make_unique<ValueSide>(pair.before, statistic),
                     std::make_unique<ValueSide>(pair.after, statistic)});
  }
  return sides;
}

uint64_t samples(std::span<const Sketch> windows) {
  return std::accumulate(windows.begin(), windows.end(), uint64_t{0},
                         [](uint64_t sum, const Sketch& one) { return sum + one.count(); });
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

constexpr size_t kFewest = 8;  // values of a variance or a deviation

}  // namespace

std::optional<Interval> log_quantile_change(std::span<const Pair> pairs, double q, const Resampling& how) {
  uint64_t before = 0, after = 0;
  for (const Pair& pair : pairs) {
    const uint64_t b = samples(pair.before), a = samples(pair.after);
    if (b < samples_needed(q) || a < samples_needed(q)) return std::nullopt;
    before += b;
    after += a;
  }
  std::optional<Interval> found = bootstrap(sides_of(pairs, q), how);
  if (found) found->n_before = before, found->n_after = after;
  return found;
}

std::optional<Interval> log_change(std::span<const ValuePair> pairs, const Statistic& statistic,
                                   const Resampling& how) {
  std::optional<Interval> found = bootstrap(sides_of(pairs, statistic), how);
  if (!found) return found;
  for (const ValuePair& pair : pairs) {
    found->n_before += pair.before.size();
    found->n_after += pair.after.size();
  }
  return found;
}

std::optional<double> noise_floor(std::span<const Pair> pairs, double q, const Resampling& how) {
  return floor_of(sides_of(pairs, q), how);
}

std::optional<double> noise_floor(std::span<const ValuePair> pairs, const Statistic& statistic,
                                  const Resampling& how) {
  return floor_of(sides_of(pairs, statistic), how);
}

std::optional<double> variance(std::span<const double> values) {
  if (values.size() < kFewest) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / (n - 1);
}

std::optional<double> median_absolute_deviation(std::span<const double> values) {
  if (values.size() < kFewest) return std::nullopt;
  const double middle = median({values.begin(), values.end()});
  std::vector<double> apart;
  for (const double value : values) apart.push_back(std::abs(value - middle));
  return median(std::move(apart));
}

}  // namespace outrigger::stats
