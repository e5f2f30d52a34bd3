// TCP as a table: what each kind of segment does to a connection's state, from either side.
#pragma once

#include <cstdint>

#include "engine/session.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

// The opening segment of a connection; fills in both TcpEnds and the state.  `tcp` points at the TCP header, `length`
// bytes of header and payload follow (from the IP length).  A mid-stream segment opens an established session in loose
// mode; in strict mode it is refused with kTcpNoSession.
Drop tcp_open(Session& session, unsigned from, const packet::PacketInfo& info, const uint8_t* tcp, uint32_t length,
              bool strict);

// A further segment from end `from` (0: key.a).  Advances state and windows.  kNone, kTcpInvalidState, or, in strict mode,
// kTcpOutOfWindow.  Sets *reopen when a SYN reuses a closed connection's ports: the caller decides it as a new flow.
// Sets *changed when the state did, for SessionTable::settle.
Drop tcp_follow(Session& session, unsigned from, const packet::PacketInfo& info, const uint8_t* tcp, uint32_t length,
                bool strict, bool* changed, bool* reopen);

}  // namespace outrigger::engine
