// The table itself: [state][from the opener][kind of segment] -> what it does.  RFC 9293 §3.3.2, as seen in
// the middle.
#pragma once

#include <array>
#include <cstdint>

#include "engine/session.h"

namespace outrigger::engine {

enum class TcpKind : uint8_t {
  kSyn,
  kSynAck,
  kAck,      // with or without data
  kFin,      // the first end's, first time or again
  kFinBoth,  // the other end has sent its own already
  kLastAck,  // acknowledges the second of both FINs; may carry a FIN again
  kRst,
  kCount,
};

enum class TcpNext : uint8_t {
  kSynSent,
  kSynReceived,
  kEstablished,
  kFinWait,
  kClosing,
  kTimeWait,
  kReset,
  kPass,     // for the other end to judge: nothing changes here
  kInvalid,  // no stack sends it now
  kReopen,   // a new connection with the ports of a closed one
};

inline constexpr unsigned kTcpStates = 7;
static_assert(static_cast<unsigned>(SessionState::kReset) - static_cast<unsigned>(SessionState::kSynSent) +
                  1 ==
              kTcpStates);

// Row of a state; kTcpStates or more when it is none of TCP's.
constexpr unsigned tcp_row(SessionState state) {
  return static_cast<unsigned>(state) - static_cast<unsigned>(SessionState::kSynSent);
}
constexpr SessionState tcp_state(TcpNext next) {
  return static_cast<SessionState>(static_cast<unsigned>(SessionState::kSynSent) +
                                   static_cast<unsigned>(next));
}

using TcpRow = std::array<TcpNext, static_cast<size_t>(TcpKind::kCount)>;

namespace tcp_table {
inline constexpr auto SS = TcpNext::kSynSent, SR = TcpNext::kSynReceived, ES = TcpNext::kEstablished,
                      FW = TcpNext::kFinWait, CL = TcpNext::kClosing, TW = TcpNext::kTimeWait,
                      RS = TcpNext::kReset, ok = TcpNext::kPass, no = TcpNext::kInvalid,
                      re = TcpNext::kReopen;
}  // namespace tcp_table

// clang-format off
inline constexpr std::array<std::array<TcpRow, 2>, kTcpStates> kTcpTable = [] {
  using namespace tcp_table;
  return std::array<std::array<TcpRow, 2>, kTcpStates>{{
      //                                  SYN SYN/ACK ACK FIN both last RST
      /* SynSent      */ {{ /* responder */ {SR,  SR,  ok, no,  no,  no, RS},   // SYN: simultaneous open; ACK: challenge
                            /* opener    */ {SS,  no,  no, no,  no,  no, RS}}},
      /* SynReceived  */ {{ /* responder */ {ok,  SR,  SR, FW,  CL,  no, RS},
                            /* opener    */ {ok,  ES,  ES, FW,  CL,  no, RS}}},
      /* Established  */ {{ /* responder */ {ok,  ok,  ES, FW,  CL,  no, RS},
                            /* opener    */ {ok,  ok,  ES, FW,  CL,  no, RS}}},
      /* FinWait      */ {{ /* responder */ {ok,  ok,  FW, FW,  CL,  TW, RS},
                            /* opener    */ {ok,  ok,  FW, FW,  CL,  TW, RS}}},
      /* Closing      */ {{ /* responder */ {ok,  ok,  CL, CL,  CL,  TW, RS},
                            /* opener    */ {ok,  ok,  CL, CL,  CL,  TW, RS}}},
      /* TimeWait     */ {{ /* responder */ {re,  no,  TW, TW,  TW,  TW, RS},
                            /* opener    */ {re,  no,  TW, TW,  TW,  TW, RS}}},
      // A reset that its receiver challenged (RFC 5961 §3) ended nothing: what lies in the window still passes.
      /* Reset        */ {{ /* responder */ {re,  no,  RS, RS,  RS,  RS, RS},
                            /* opener    */ {re,  no,  RS, RS,  RS,  RS, RS}}},
  }};
}();
// clang-format on

}  // namespace outrigger::engine
