// Deadlines, leases and durations measured by a clock that somebody sets expire a day early, or a day late.
// This is the time they go by: an absl::Time that begins as the wall clock stood when the process did, and
// from then on only goes forward, through sleep too (CLOCK_BOOTTIME), whatever becomes of the wall clock.
// Thread-safety: any thread.
#pragma once

#include "absl/time/time.h"

namespace outrigger {

absl::Time steady_time();

// What the wall clock, as it is set now, says of a moment of steady_time(): for what people and other
// machines read.  The infinite ones stay so.
absl::Time wall_time(absl::Time steady);

}  // namespace outrigger
