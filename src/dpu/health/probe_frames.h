// The packets that probes send.  Each carries a mark by which the engine knows it again.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/health_network.h"

namespace outrigger::agent {

struct ProbeFlow {
  uint8_t protocol = 17;  // TCP (a SYN) or UDP
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

std::vector<uint8_t> probe_frame(const compiler::ProbeEnd& from, const compiler::ProbeEnd& to,
                                 const ProbeFlow& flow, uint64_t mark);
// ICMPv6 echo request, RFC 4443 §4.1; the answer carries the same payload.
std::vector<uint8_t> echo_frame(const compiler::ProbeEnd& from, const compiler::ProbeEnd& to,
                                uint16_t sequence, uint64_t mark);
uint64_t next_mark();  // unlike any other of this process, and unlikely in any other

}  // namespace outrigger::agent
