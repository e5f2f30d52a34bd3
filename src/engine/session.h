// The state of one bidirectional flow: 128 bytes in shared memory, no pointers, one writer (its worker).
// The first cache line is all that is needed to forward a packet; the second holds counters and TCP state.
#pragma once

#include <cstdint>

#include "base/id.h"
#include "engine/decision.h"
#include "packet/flow_key.h"

namespace outrigger::engine {

using SessionIndex = uint32_t;
inline constexpr SessionIndex kNoSession = 0xffffffff;
inline constexpr uint32_t kSessionLayout = 1;  // changes with every change of this file

// Coarse time: ticks of 2^-4 s since the engine's start (62.5 ms).  Read once a turn.
using Tick = uint32_t;
inline constexpr Tick kTicksPerSecond = 16;

enum class SessionState : uint8_t {
  kFree,
  kWriting,  // being written: a crash here costs this entry only
  kDenied,   // remembers a drop, for packets of the first direction only
  kNew,      // one direction seen (UDP, ICMP, SCTP, other)
  kActive,   // both directions seen
  kSynSent,  // TCP, by the opener's state
  kSynReceived,
  kEstablished,
  kFinWait,   // one FIN seen
  kClosing,   // both FINs seen
  kTimeWait,  // both FINs acknowledged
  kReset,
};

// TCP as one end has sent it; sequence numbers in host order.
struct TcpEnd {
  uint32_t end = 0;     // highest sequence number sent, plus one
  uint32_t limit = 0;   // highest sequence number the other end allows
  uint16_t window = 0;  // largest window announced, unscaled
  uint8_t scale = 0;    // window scale from its SYN
  uint8_t flags = 0;    // see tcp_track.h
};
static_assert(sizeof(TcpEnd) == 12);

struct alignas(64) Session {
  // Hot line.
  packet::FlowKey key;
  uint32_t epoch = 0;
  Tick last_seen = 0;
  End end[2];  // [0] is key.a's, [1] is key.b's.  Written by the worker from a Decision

  // Cold line.
  uint32_t packets[2] = {0, 0};    // by direction: [0] sent by a
  uint32_t bytes_low[2] = {0, 0};  // 48-bit byte counts: low words here
  uint16_t bytes_high[2] = {0, 0};
  TcpEnd tcp[2];
  SessionIndex next = kNoSession;  // in the timer wheel's slot or the disposable queue
  SessionIndex previous = kNoSession;
  uint32_t rule = 0;          // RuleId that decided
  uint16_t charged = 0xffff;  // PortId whose quota it counts against
  uint16_t list = 0;          // which list next/previous belong to
  SessionState state = SessionState::kFree;
  Drop drop = Drop::kNone;  // kDenied: why
  uint8_t opener : 1 = 0;   // 0: key.a sent the first packet, 1: key.b did
  uint8_t reject : 1 = 0;   // kDenied: tell the sender
  uint8_t revoked : 1 = 0;  // kDenied: was allowed before a change, so both directions are denied
  uint8_t spare : 5 = 0;
  uint8_t version = 0;  // the table's: odd while the entry is being written
};
static_assert(sizeof(Session) == 128);

}  // namespace outrigger::engine
