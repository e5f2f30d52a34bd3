// One figure judged by itself, and the words for it.
#pragma once

#include <string>

#include "scorecard/evidence.h"
#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

// Sets judged and the numbers of `evidence`; `method` becomes the beginning of why.
Figure judged(Figure figure, const Evidence& evidence, const std::string& method);

// Shown: its interval is on that side of nothing, and it is beyond the A/A floor.
[[nodiscard]] bool shown_better(const Figure& figure);     // by more than the margin, too, as a gain must be
[[nodiscard]] bool shown_worse(const Figure& figure);      // by more than the margin, all of the interval
[[nodiscard]] bool looks_worse(const Figure& figure);      // by more than margin and floor, but not all of it
[[nodiscard]] bool shown_not_worse(const Figure& figure);  // all of the interval is inside the margin
[[nodiscard]] bool shown_without_gain(const Figure& figure);  // no gain beyond the margin is in the interval

}  // namespace outrigger::scorecard
