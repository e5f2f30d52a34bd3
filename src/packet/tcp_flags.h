// Which combinations of TCP flags a stack sends.  The others come from scanners, and from attempts to slip
// past a state machine.
#pragma once

#include <cstdint>

#include "packet/packet_info.h"

namespace outrigger::packet {

// One bit per combination of the six flags; PSH changes nothing (RFC 9293 §3.1).
inline constexpr uint64_t kUsualTcpFlags = [] {
  uint64_t usual = 0;
  for (const unsigned flags : {kSyn + 0, kSyn | kUrg, kSyn | kAck, kRst + 0, kRst | kAck, kAck + 0,
                               kAck | kUrg, kFin | kAck, kFin | kAck | kUrg}) {
    usual |= uint64_t{1} << flags | uint64_t{1} << (flags | kPsh);
  }
  return usual;
}();

constexpr bool tcp_flags_usual(uint8_t flags) { return (kUsualTcpFlags >> (flags & 0x3f) & 1) != 0; }

}  // namespace outrigger::packet
