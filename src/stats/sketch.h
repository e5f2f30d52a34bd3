// A distribution of durations or sizes that fits in a few kilobytes and can be merged: log-linear buckets, as
// HdrHistogram has them.  Percentiles of parts are never averaged; sketches are merged and asked again.
//
// Value v lies in octave floor(log2 v) and there in one of kSteps equal steps, so a bucket is at most
// 1/kSteps of its value wide, and the middle of it, which is what we answer, is off by at most half of that:
// 0.4 %. Below kSteps every value has a bucket of its own.  Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace outrigger::stats {

class Sketch {
 public:
  static constexpr uint64_t kSteps = 128;  // of an octave; an error of at most 0.4 %

  void add(uint64_t value, uint64_t times = 1);
  void merge(const Sketch& other);
  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t max() const { return max_; }  // exact
  [[nodiscard]] uint64_t min() const { return min_; }  // exact; 0 when empty
  [[nodiscard]] double mean() const;                   // of the buckets' middles; 0 when empty
  // The smallest value that at least the share q (0..1] of all do not exceed, within 0.4 %; 0 when empty.
  [[nodiscard]] double quantile(double q) const;
  // How many are greater than `value`; those in its own bucket are not counted.
  [[nodiscard]] uint64_t above(uint64_t value) const;
  // "MIN MAX GAP:COUNT ...", buckets as gaps to the one before; parse() takes what text() gave, nothing else.
  [[nodiscard]] std::string text() const;
  static absl::StatusOr<Sketch> parse(std::string_view text);
  friend bool operator==(const Sketch&, const Sketch&) = default;
  // Bucket by bucket, smallest first; what a bucket stands for.
  [[nodiscard]] const std::map<uint32_t, uint64_t>& buckets() const { return buckets_; }
  static double middle_of(uint32_t bucket);

 private:
  std::map<uint32_t, uint64_t> buckets_;
  uint64_t count_ = 0, min_ = 0, max_ = 0;
};

// So few samples leave the quantile outside of what was seen too often to be worth a number: the smallest n
// with 1 - q^n >= 0.975.  368 for p99, 3688 for p99.9.
uint64_t samples_needed(double q);

// Which of `count` ordered values is the quantile, from 1.
uint64_t rank_of(double q, uint64_t count);

}  // namespace outrigger::stats
