// What `outrigger audit boundary -o measurement` found, as a file of its own and within a measurement.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "measure/fields.h"
#include "measure/measurement.h"

namespace outrigger::measure {

// A list of tests; the first error goes to `status`.
std::vector<BoundaryTest> read_tests(const Json& list, const std::string& where, absl::Status& status);

// InvalidArgument with file, what is wrong, and the way out: empty, another form of the audit's, no test
// tried, one tried twice.  `file` names it in errors.
absl::StatusOr<std::vector<BoundaryTest>> parse_boundary(std::string_view text, const std::string& file);
absl::StatusOr<std::vector<BoundaryTest>> read_boundary(const std::string& file);

}  // namespace outrigger::measure
