// Text into a page: names come from the measured machine, and whoever may name a process there must not be
// able to put a script into a report.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outrigger::scorecard {

std::string escaped(std::string_view text);  // plain(), and safe as text and in quoted attributes

// Cells are escaped; numbers to the right are those of headings that start with '>'.
std::string html_table(const std::string& caption, const std::vector<std::string>& headings,
                       const std::vector<std::vector<std::string>>& rows);
// "'sha256-...'", what a content security policy names a script or style by.
std::string policy_hash(std::string_view text);

}  // namespace outrigger::scorecard
