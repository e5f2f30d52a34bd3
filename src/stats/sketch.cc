#include "stats/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::stats {

namespace {

constexpr unsigned kStepBits = 7;
static_assert(Sketch::kSteps == 1u << kStepBits);
constexpr uint32_t kBuckets = (64 - kStepBits) * Sketch::kSteps + Sketch::kSteps;

uint32_t bucket_of(uint64_t value) {
  if (value < Sketch::kSteps) return static_cast<uint32_t>(value);
  const auto octave = static_cast<unsigned>(std::bit_width(value)) - 1;
  const auto step = static_cast<uint32_t>(value >> (octave - kStepBits)) - Sketch::kSteps;
  return static_cast<uint32_t>((octave - kStepBits + 1) * Sketch::kSteps + step);
}

double lowest_of(uint32_t bucket) {
  if (bucket < Sketch::kSteps) return bucket;
  const uint32_t octave = bucket / Sketch::kSteps - 1, step = bucket % Sketch::kSteps;
  return std::ldexp(static_cast<double>(Sketch::kSteps + step), static_cast<int>(octave));
}

}  // namespace

double Sketch::middle_of(uint32_t bucket) {
  if (bucket < kSteps) return bucket;
  return (lowest_of(bucket) + lowest_of(bucket + 1)) / 2;
}

void Sketch::add(uint64_t value, uint64_t times) {
  if (times == 0) return;
  buckets_[bucket_of(value)] += times;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = std::max(max_, value);
  count_ += times;
}

void Sketch::merge(const Sketch& other) {
  if (other.count_ == 0) return;
  for (const auto& [bucket, times] : other.buckets_) buckets_[bucket] += times;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
}

double Sketch::mean() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for (const auto& [bucket, times] : buckets_) sum += middle_of(bucket) * static_cast<double>(times);
  return sum / static_cast<double>(count_);
}

uint64_t rank_of(double q, uint64_t count) {
  const double wanted = std::ceil(q * static_cast<double>(count) - 1e-9);
  return std::clamp<uint64_t>(static_cast<uint64_t>(std::max(wanted, 1.0)), 1, std::max<uint64_t>(count, 1));
}

double Sketch::quantile(double q) const {
  if (count_ == 0) return 0;
  const uint64_t rank = rank_of(q, count_);
  uint64_t seen = 0;
  for (const auto& [bucket, times] : buckets_) {
    seen += times;
    if (seen >= rank)
      return std::clamp(middle_of(bucket), static_cast<double>(min_), static_cast<double>(max_));
  }
  return static_cast<double>(max_);
}

uint64_t Sketch::above(uint64_t value) const {
  uint64_t found = 0;
  for (auto at = buckets_.upper_bound(bucket_of(value)); at != buckets_.end(); ++at) found += at->second;
  return found;
}

std::string Sketch::text() const {
  std::string out = absl::StrCat(min_, " ", max_);
  uint32_t last = 0;
  for (const auto& [bucket, times] : buckets_) {
    absl::StrAppend(&out, " ", bucket - last, ":", times);
    last = bucket;
  }
  return out;
}

absl::StatusOr<Sketch> Sketch::parse(std::string_view text) {
  const auto wrong = [] {
    return absl::InvalidArgumentError("not a sketch: \"MIN MAX GAP:COUNT ...\" expected");
  };
  const std::vector<std::string> words = absl::StrSplit(absl::string_view(text.data(), text.size()), ' ');
  Sketch sketch;
  if (words.size() < 2 || !absl::SimpleAtoi(words[0], &sketch.min_) ||
      !absl::SimpleAtoi(words[1], &sketch.max_))
    return wrong();
  uint64_t bucket = 0;
  for (size_t i = 2; i < words.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(words[i], ':');
    uint64_t gap = 0, times = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &gap) || !absl::SimpleAtoi(parts[1], &times))
      return wrong();
    bucket += gap;
    const bool twice = gap == 0 && i > 2;
    const bool too_many = times > std::numeric_limits<uint64_t>::max() - sketch.count_;
    if (gap > kBuckets || bucket >= kBuckets || times == 0 || twice || too_many) return wrong();
    sketch.buckets_[static_cast<uint32_t>(bucket)] = times;
    sketch.count_ += times;
  }
  const bool fits = sketch.buckets_.empty() ? sketch.min_ == 0 && sketch.max_ == 0
                                            : bucket_of(sketch.min_) == sketch.buckets_.begin()->first &&
                                                  bucket_of(sketch.max_) == sketch.buckets_.rbegin()->first &&
                                                  sketch.min_ <= sketch.max_;
  if (!fits) return wrong();
  return sketch;
}

uint64_t samples_needed(double q) { return static_cast<uint64_t>(std::ceil(std::log(0.025) / std::log(q))); }

}  // namespace outrigger::stats
