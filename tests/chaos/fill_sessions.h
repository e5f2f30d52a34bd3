// A table full of sessions: datagrams from ever other ports to a few that somebody listens at.  The kernel
// would need a socket for each source port; headers are made here instead.
#pragma once

#include <string>

#include "chaos/socket.h"

namespace outrigger::chaos {

struct FillOptions {
  std::string from, to;  // namespaces
  Address destination;   // IPv4, and the first of the ports
  unsigned sessions = 1'000'000;
  double rate = 30'000;  // a second
};

// Once through all of them, then again from the start until ended(), so that none times out; one JSON object.
std::string run_fill(const FillOptions& options);

}  // namespace outrigger::chaos
