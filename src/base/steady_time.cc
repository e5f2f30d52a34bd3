#include "base/steady_time.h"

#include <ctime>

#include "absl/time/clock.h"

namespace outrigger {

namespace {

absl::Duration since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

absl::Time steady_time() {
  static const absl::Time boot = absl::Now() - since_boot();
  return boot + since_boot();
}

absl::Time wall_time(absl::Time steady) { return steady + (absl::Now() - steady_time()); }

}  // namespace outrigger
