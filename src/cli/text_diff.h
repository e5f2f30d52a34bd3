// What a change does to a text, line by line, as `diff -u` shows it: the whole text when it is short, as
// objects are.
#pragma once

#include <string>

namespace outrigger::cli {

// "-" and "+" lines with three lines of context and @@ heads; empty when the texts are equal.
std::string unified_diff(const std::string& before, const std::string& after);

}  // namespace outrigger::cli
