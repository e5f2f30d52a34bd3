// The files of web/, as cmake/embed.cmake puts them into the program.
#pragma once

#include <string_view>

namespace outrigger::scorecard::web {

extern const std::string_view k_report_css, k_report_js, k_uPlot_iife_min_js, k_uPlot_min_css;

}  // namespace outrigger::scorecard::web
