// A stream of numbered datagrams from one namespace to another, at a steady pace.  With `record`, every
// arrival is noted with the kernel's own time stamp (taken when the device handed the packet over, whenever
// the reader is woken), so that blackouts are measured from outside; without, it is load: sent and received
// are counted.
#pragma once

#include <string>

#include "chaos/socket.h"

namespace outrigger::chaos {

struct UdpOptions {
  std::string from, to;  // namespaces
  Address destination;
  double rate = 10'000;   // datagrams a second
  unsigned burst = 1;     // so many at once
  unsigned payload = 18;  // bytes: with Ethernet, IPv4, UDP and checksum a frame of 64
  bool record = false;
  double threshold_us = 500;
};

// Runs until ended(); one JSON object.
std::string run_udp(const UdpOptions& options);

}  // namespace outrigger::chaos
