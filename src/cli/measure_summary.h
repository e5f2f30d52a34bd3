// What a measurement says by itself.  Percentiles only where there are samples enough for them.
#pragma once

#include <ostream>
#include <string>

#include "cli/json.h"
#include "measure/measurement.h"

namespace outrigger::cli {

void print_summary(const measure::Measurement& measured, const std::string& file, std::ostream& out);
Json summary_json(const measure::Measurement& measured, const std::string& file);

}  // namespace outrigger::cli
