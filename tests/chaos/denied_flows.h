// Knocks at a door that policy keeps shut, all the time: with one flow that was denied long ago, with a new
// flow each time, and with TCP.  Whatever gets through, at whatever moment, is a violation.
#pragma once

#include <string>

#include "chaos/socket.h"

namespace outrigger::chaos {

struct DeniedOptions {
  std::string from, to;  // namespaces
  Address destination;
  double every_ms = 1;
};

// Runs until ended(); one JSON object.
std::string run_denied(const DeniedOptions& options);

}  // namespace outrigger::chaos
