// The parts of a measurement as JSON and back; a line each.  Reading is strict, see fields.h.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "measure/fields.h"
#include "measure/measurement.h"

namespace outrigger::measure {

Json head_of(const Measurement& measurement);  // all that was known when the run began
Json json_of(const Window& window, size_t number);
Json notes_of(const Measurement& measurement);  // what was noted once

// `where` as in Fields; the first error goes to `status`.
void read_head(const Json& line, const std::string& where, Measurement& into, absl::Status& status);
Window read_window(const Json& line, size_t number, const std::string& where, absl::Status& status);
void read_notes(const Json& line, const std::string& where, Measurement& into, absl::Status& status);

// In one line, whatever the texts in it hold.
std::string dump(const Json& line);

}  // namespace outrigger::measure
