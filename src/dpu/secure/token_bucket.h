// So many calls a second, and bursts up to a limit.  Time is given, so that a test owns the clock.
// Thread-safety: none.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace outrigger::secure {

struct Rate {
  double per_second = 50;
  double burst = 100;
};

class TokenBucket {
 public:
  TokenBucket(Rate rate, absl::Time now) : rate_(rate), tokens_(rate.burst), at_(now) {}

  bool take(absl::Time now) {
    refill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  [[nodiscard]] bool full(absl::Time now) const { return at(now) >= rate_.burst; }
  // Half of the burst is there again: a flood before that is the same flood.
  [[nodiscard]] bool recovered(absl::Time now) const { return at(now) >= rate_.burst / 2; }

 private:
  [[nodiscard]] double at(absl::Time now) const {
    const double passed = std::max(0.0, absl::ToDoubleSeconds(now - at_));
    return std::min(rate_.burst, tokens_ + passed * rate_.per_second);
  }
  void refill(absl::Time now) {
    tokens_ = at(now);
    at_ = now;
  }

  Rate rate_;
  double tokens_;
  absl::Time at_;
};

}  // namespace outrigger::secure
