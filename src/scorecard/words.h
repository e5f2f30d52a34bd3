// Figures in words.  Names in a measurement come from the machine that was measured, and whoever may name a
// process there may try to write on our terminal: whatever is printed goes through plain() first.
#pragma once

#include <string>
#include <string_view>

#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

// UTF-8 without control characters, escape sequences and marks that turn the direction of writing; what is
// none of it becomes '?'.
std::string plain(std::string_view text);
// Three figures: "0", "0.00123", "4.21", "1234".
std::string number(double value);
std::string amount(double value, std::string_view unit);                        // "4.21 ms"
std::string amount(const std::optional<double>& value, std::string_view unit);  // "-" when there is none
// "-41 %", and from twice on "÷3.2" or "×2.4".
std::string change(double log_change);
std::string range(const stats::Interval& interval);  // "-52 % to -28 %"
// "4.21 → 1.32 ms, ÷3.2 (÷3.8 to ÷2.7)"
std::string moved(const Figure& figure);

}  // namespace outrigger::scorecard
