// Long-lived TCP connections that say a number, hear it back and say the next.  A connection that is reset,
// closed, answers wrongly or stays silent to the end is broken: what a user would have noticed.
#pragma once

#include <string>

#include "chaos/socket.h"

namespace outrigger::chaos {

struct TcpOptions {
  std::string from, to;  // namespaces; the echo server is in `to`
  Address destination;
  unsigned connections = 100;
  double every_ms = 10;   // a number on each connection
  double patience_s = 5;  // at the end, for the last answers
};

// Runs until ended(); one JSON object.
std::string run_tcp(const TcpOptions& options);

}  // namespace outrigger::chaos
