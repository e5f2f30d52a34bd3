#include "host/clock_offset.h"

#include <algorithm>
#include <cstdlib>

namespace outrigger::host {

void ClockOffset::sample(int64_t sent_ns, int64_t received_ns, int64_t theirs_ns) {
  const int64_t round_trip = received_ns - sent_ns;
  if (round_trip < 0 || round_trip > kTooSlowNs || theirs_ns <= 0) return;
  const Sample fresh{theirs_ns - (sent_ns + round_trip / 2), round_trip};
  const Sample* known = best();
  if (known != nullptr && std::abs(fresh.offset_ns - known->offset_ns) >
                              (fresh.round_trip_ns + known->round_trip_ns) / 2 + kDriftNs) {
    samples_.clear();
    ++restarts_;
  }
  samples_.push_back(fresh);
  if (samples_.size() > kSamples) samples_.pop_front();
}

const ClockOffset::Sample* ClockOffset::best() const {
  const auto found = std::ranges::min_element(samples_, {}, &Sample::round_trip_ns);
  return found == samples_.end() ? nullptr : &*found;
}

std::optional<int64_t> ClockOffset::offset_ns() const {
  const Sample* known = best();
  if (known == nullptr) return std::nullopt;
  return known->offset_ns;
}

int64_t ClockOffset::uncertainty_ns() const {
  const Sample* known = best();
  return known == nullptr ? INT64_MAX : known->round_trip_ns / 2;
}

}  // namespace outrigger::host
