// TCP as a table: what each kind of segment does to a connection's state, from either side.
//
// Theory of operation.  A middlebox sees both ends' segments but not their minds, so it tracks what both may
// believe: a lost segment has passed here, a retransmitted one passes again, and what only an end can judge
// (a SYN inside an established connection, RFC 5961 §4) is let through for it to answer.  In strict mode a
// segment must also lie in the window that the other end has announced, as Rooij's "Real Stateful TCP Packet
// Filtering in IP Filter" bounds it: no data beyond the highest limit given, none older than a window, no
// acknowledgement of what was not sent.  Loose mode checks states alone and takes up connections in their
// middle.
#pragma once

#include <cstdint>

#include "engine/session.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

// TcpEnd::flags, and the high half of TcpEnd::scale: the scale that a passed SYN offered.
enum TcpEndFlag : uint8_t {
  kEndScaled = 1,        // its SYN offered a window scale
  kEndFin = 2,           // has sent a FIN, which ends at TcpEnd::end
  kEndFinAcked = 4,      // and the other end has acknowledged it
  kEndLiberal = 8,       // taken up in the middle: its window cannot be checked
  kEndSynData = 16,      // its SYN carried data (RFC 7413), which may be acknowledged or not
  kEndSynPassed = 32,    // sent a SYN into a connection: if the other end answers it, this is a new one
  kEndPassedScaled = 64  // that SYN offered a window scale
};

// The opening segment of a connection; fills in both TcpEnds and the state.  `tcp` points at the TCP header,
// `length` bytes of header and payload follow (from the IP length).  A mid-stream segment opens an
// established session in loose mode; in strict mode it is refused with kTcpNoSession.
Drop tcp_open(Session& session, unsigned from, const packet::PacketInfo& info, const uint8_t* tcp,
              uint32_t length, bool strict);

// A further segment from end `from` (0: key.a).  Advances state and windows.  kNone, kTcpInvalidState, or, in
// strict mode, kTcpOutOfWindow.  Sets *reopen when a SYN reuses a closed connection's ports: the caller
// decides it as a new flow. Sets *changed when the state did, for SessionTable::settle.
Drop tcp_follow(Session& session, unsigned from, const packet::PacketInfo& info, const uint8_t* tcp,
                uint32_t length, bool strict, bool* changed, bool* reopen);

}  // namespace outrigger::engine
