// A token bucket for each port: answers and ICMP errors must not become a weapon (RFC 1812 §4.3.2.8, RFC 4443
// §2.4 f).
#pragma once

#include <algorithm>
#include <vector>

#include "base/id.h"
#include "engine/session.h"

namespace outrigger::engine {

class RateLimit {
 public:
  RateLimit(uint32_t per_second, uint32_t burst)
      : per_tick_(std::max(1u, per_second / kTicksPerSecond)), burst_(burst) {}

  // For every port there may be; allocates here and never in take().
  void resize(size_t ports) {
    if (buckets_.size() < ports) buckets_.resize(ports, {burst_, 0});
  }

  bool take(PortId port, Tick now) {
    if (port.value() >= buckets_.size()) return false;
    Bucket& bucket = buckets_[port.value()];
    const uint64_t earned = uint64_t{now - bucket.last} * per_tick_;
    bucket.tokens = static_cast<uint32_t>(std::min<uint64_t>(burst_, bucket.tokens + earned));
    bucket.last = now;
    if (bucket.tokens == 0) return false;
    --bucket.tokens;
    return true;
  }

 private:
  struct Bucket {
    uint32_t tokens;
    Tick last;
  };
  uint32_t per_tick_;
  uint32_t burst_;
  std::vector<Bucket> buckets_;
};

}  // namespace outrigger::engine
