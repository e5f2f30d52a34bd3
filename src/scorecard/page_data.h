// What the report draws: the same curves for the plots and for the tables beside them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scorecard/sections.h"

namespace outrigger::scorecard {

struct Curve {
  std::vector<double> x;
  std::vector<std::optional<double>> before, after;
};

struct Bars {
  std::vector<std::string> names;
  std::vector<double> before, after;
};

struct Happening {
  bool after = false;
  measure::Incident incident;
};

struct PageData {
  Curve latency;    // ms; share of requests answered within
  Curve p99;        // s of the side's runs in a row; ms
  Curve busy;       // s of the side's runs in a row; CPUs
  Curve deviation;  // CPU; percentage points
  Curve gaps;       // µs; longer ones a second
  Bars privilege;   // weight by service
  std::vector<Happening> incidents;
  double budget_ms = 0;
};

PageData page_data(Blocks blocks);
// For the page's script; all ASCII, and nothing in it ends a script element.
std::string to_script_json(const PageData& data, const Scorecard& card);

}  // namespace outrigger::scorecard
