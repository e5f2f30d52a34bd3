// Records of two machines can be put in one order only when their clocks are known to each other.  Every
// renewal of the lease is a question and an answer with the DPU's clock in it: that is enough.
//
// Theory of operation: the DPU read its clock somewhere between our sending and our receiving, so its offset
// to ours lies within half the round trip of the middle.  The shortest of the recent round trips says it best
// (as in RFC 5905 §10, the clock filter).  Two answers whose ranges do not touch cannot be of one clock: the
// DPU was restarted, and what was known before is thrown away. Thread-safety: none.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace outrigger::host {

class ClockOffset {
 public:
  static constexpr size_t kSamples = 64;                // at 300 ms: 19 s, in which quartz drifts about 1 ms
  static constexpr int64_t kDriftNs = 5'000'000;        // allowed before two ranges are said not to touch
  static constexpr int64_t kTooSlowNs = 2'000'000'000;  // such an answer says nothing

  // Our clock when it was asked and when it was answered, and the other's in the answer.
  void sample(int64_t sent_ns, int64_t received_ns, int64_t theirs_ns);

  // To add to our clock to have theirs; nullopt: never answered.
  [[nodiscard]] std::optional<int64_t> offset_ns() const;
  [[nodiscard]] int64_t uncertainty_ns() const;  // either way
  [[nodiscard]] uint64_t restarts() const { return restarts_; }

 private:
  struct Sample {
    int64_t offset_ns;
    int64_t round_trip_ns;
  };
  [[nodiscard]] const Sample* best() const;

  std::deque<Sample> samples_;
  uint64_t restarts_ = 0;
};

}  // namespace outrigger::host
