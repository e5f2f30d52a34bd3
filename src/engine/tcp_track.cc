#include "engine/tcp_track.h"

#include <algorithm>

#include "engine/tcp_segment.h"
#include "engine/tcp_states.h"

namespace outrigger::engine {
namespace {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;

// Acknowledgements may lag by a window, but by this much at least: delayed ones of ends with tiny windows.
constexpr uint32_t kAckLag = 66000;

uint32_t largest_window(const TcpEnd& end) {
  return std::max<uint32_t>(uint32_t{end.window} << (end.scale & 15), 1);
}

// The segment is `sender`'s.  Four bounds: it starts before the limit given, ends within a window of what was
// sent, acknowledges nothing unsent, and nothing too old.  A FIN or a probe may go one beyond the limit, so
// that an acknowledgement lags by a window and one, and a keep-alive comes one before.
bool in_window(const TcpEnd& sender, const TcpEnd& receiver, const TcpSegment& segment) {
  if (((sender.flags | receiver.flags) & kEndLiberal) != 0) return true;
  const uint32_t lag = std::max(largest_window(sender) + 1, kAckLag);
  const bool starts_in = at_or_before(segment.seq, sender.limit + 1);
  const bool ends_in = at_or_before(sender.end - largest_window(receiver) - 1, segment.end);
  const bool ack_in = !segment.has(kAck) || (at_or_before(segment.ack, receiver.end) &&
                                             at_or_before(receiver.end - lag, segment.ack));
  return starts_in && ends_in && ack_in;
}

void acknowledge(const TcpEnd& sender, TcpEnd& receiver, const TcpSegment& segment) {
  const unsigned scale = segment.has(kSyn) ? 0 : sender.scale & 15;  // RFC 7323 §2.2: never in a SYN
  const uint32_t limit = segment.ack + (uint32_t{segment.window} << scale);
  if (before(receiver.limit, limit)) receiver.limit = limit;
  if ((receiver.flags & kEndFin) != 0 && at_or_before(receiver.end, segment.ack))
    receiver.flags |= kEndFinAcked;
}

void advance(TcpEnd& sender, TcpEnd& receiver, const TcpSegment& segment) {
  uint32_t end = segment.end;
  if (segment.cut && before(sender.limit, end)) end = sender.limit;
  if (before(sender.end, end) && (sender.flags & kEndFin) == 0) sender.end = end;
  if (segment.has(kFin) && (sender.flags & kEndFin) == 0) [[unlikely]] {
    sender.flags |= kEndFin;
    sender.end = end;
  }
  if (segment.window > sender.window && !segment.has(kSyn)) sender.window = segment.window;
  if (segment.has(kAck)) acknowledge(sender, receiver, segment);
}

// An end as its SYN or SYN/ACK describes it.
TcpEnd opened(const TcpSegment& segment, const uint8_t* tcp, uint32_t length) {
  const int scale = tcp_window_scale(tcp, length);
  TcpEnd end;
  end.end = end.limit = segment.end;
  end.window = segment.window;
  if (scale >= 0) {
    end.scale = static_cast<uint8_t>(scale);
    end.flags |= kEndScaled;
  }
  if (segment.end != segment.seq + 1) end.flags |= kEndSynData;
  return end;
}

// What a SYN announces, unscaled, in units of its end's scale.
uint16_t in_units(uint32_t window, uint8_t scale) {
  return static_cast<uint16_t>((window + (1u << scale) - 1) >> scale);
}

// Both SYNs are known: scaling holds when both offered it (RFC 7323 §1.3), and what each SYN announced,
// unscaled, is what the other may send first.
void agree(TcpEnd& one, TcpEnd& two) {
  one.limit = one.end + two.window;
  two.limit = two.end + one.window;
  const bool scaled = (one.flags & two.flags & kEndScaled) != 0;
  for (TcpEnd* end : {&one, &two}) {
    if (!scaled) end->scale = 0;
    end->window = in_units(end->window, end->scale);
  }
}

bool acknowledges_syn(const TcpEnd& opener, const TcpSegment& segment) {
  if (!segment.has(kAck)) return false;
  if (segment.ack == opener.end) return true;
  return (opener.flags & kEndSynData) != 0 && before(segment.ack, opener.end) &&
         at_or_before(opener.end - kAckLag, segment.ack);
}

// A SYN/ACK sent again may offer a larger window.
void offer_again(TcpEnd& sender, TcpEnd& receiver, const TcpSegment& segment) {
  sender.window = std::max(sender.window, in_units(segment.window, sender.scale & 15));
  acknowledge(sender, receiver, segment);
}

// A SYN/ACK: of the first SYN, or once more, perhaps with another sequence number (SYN cookies).
bool answer(TcpEnd& responder, TcpEnd& opener, const TcpSegment& segment, const uint8_t* tcp, uint32_t length,
            bool first, bool strict) {
  if (strict && !acknowledges_syn(opener, segment)) return false;
  if (!first && segment.end == responder.end) {
    offer_again(responder, opener, segment);
    return true;
  }
  responder = opened(segment, tcp, length);
  if (first) {
    agree(opener, responder);
    return true;
  }
  const bool scaled = (responder.flags & opener.flags & kEndScaled) != 0;
  if (!scaled) responder.scale = opener.scale = 0;
  opener.limit = opener.end + responder.window;
  responder.limit = responder.end + largest_window(opener);
  responder.window = in_units(responder.window, responder.scale);
  return true;
}

// RFC 9293 §3.10.7.3 for an unanswered SYN; in the window otherwise.  The opener may always abort its own
// SYN: its reset answers a challenge, whose number is of a connection that we never saw.
bool reset_believable(const Session& session, unsigned from, const TcpSegment& segment) {
  const TcpEnd& sender = session.tcp[from];
  const TcpEnd& receiver = session.tcp[from ^ 1];
  if (session.state == SessionState::kSynSent) {
    return from == session.opener || acknowledges_syn(receiver, segment);
  }
  if (((sender.flags | receiver.flags) & kEndLiberal) != 0) return true;
  return at_or_before(sender.end - largest_window(receiver), segment.seq) &&
         at_or_before(segment.seq, sender.limit + 1);
}

TcpKind kind_of(const Session& session, unsigned from, const TcpSegment& segment) {
  if (segment.has(kRst)) return TcpKind::kRst;
  if (segment.has(kSyn)) return segment.has(kAck) ? TcpKind::kSynAck : TcpKind::kSyn;
  const TcpEnd& sender = session.tcp[from];
  const TcpEnd& receiver = session.tcp[from ^ 1];
  const bool other_fin = (receiver.flags & kEndFin) != 0;
  if ((sender.flags & kEndFinAcked) != 0 && other_fin && at_or_before(receiver.end, segment.ack)) {
    return TcpKind::kLastAck;
  }
  if (segment.has(kFin)) return other_fin ? TcpKind::kFinBoth : TcpKind::kFin;
  return TcpKind::kAck;
}

// A SYN was passed into this connection and its other end has answered it: both have forgotten the old one.
void restart(Session& session, const TcpSegment& segment, const uint8_t* tcp, uint32_t length) {
  TcpEnd& opener = session.tcp[session.opener];
  TcpEnd fresh;
  fresh.end = segment.ack;
  fresh.window = 0xffff;
  fresh.scale = opener.scale >> 4;
  fresh.flags = (opener.flags & kEndPassedScaled) != 0 ? kEndScaled : 0;
  opener = fresh;
  session.tcp[session.opener ^ 1] = opened(segment, tcp, length);
  agree(opener, session.tcp[session.opener ^ 1]);
  session.state = SessionState::kSynReceived;
}

Drop pass(Session& session, unsigned from, const TcpSegment& segment, const uint8_t* tcp, uint32_t length,
          bool strict) {
  TcpEnd& sender = session.tcp[from];
  if (!segment.has(kSyn)) return Drop::kNone;
  if (!segment.has(kAck)) {
    if (from != session.opener || segment.end == sender.end) return Drop::kNone;
    const int scale = tcp_window_scale(tcp, length);
    sender.scale = static_cast<uint8_t>((sender.scale & 15) | std::max(scale, 0) << 4);
    sender.flags = static_cast<uint8_t>((sender.flags & ~kEndPassedScaled) | kEndSynPassed |
                                        (scale >= 0 ? kEndPassedScaled : 0));
    return Drop::kNone;
  }
  if (in_window(sender, session.tcp[from ^ 1], segment)) {
    offer_again(sender, session.tcp[from ^ 1], segment);
    return Drop::kNone;
  }
  if (from != session.opener && (session.tcp[from ^ 1].flags & kEndSynPassed) != 0) {
    restart(session, segment, tcp, length);
    return Drop::kNone;
  }
  return strict ? Drop::kTcpOutOfWindow : Drop::kNone;
}

// What the table allows must also fit the numbers.
Drop apply(Session& session, unsigned from, TcpKind kind, const TcpSegment& segment, const uint8_t* tcp,
           uint32_t length, bool strict) {
  TcpEnd& sender = session.tcp[from];
  TcpEnd& receiver = session.tcp[from ^ 1];
  const bool unanswered = session.state == SessionState::kSynSent;
  bool fits = true;
  if (kind == TcpKind::kRst) {
    fits = !strict || reset_believable(session, from, segment);
  } else if (kind == TcpKind::kSyn) {
    sender = opened(segment, tcp, length);
    if (from != session.opener) agree(receiver, sender);
  } else if (kind == TcpKind::kSynAck && from != session.opener) {
    fits = answer(sender, receiver, segment, tcp, length, unanswered, strict);
  } else {
    fits = !strict || in_window(sender, receiver, segment);
    if (fits) advance(sender, receiver, segment);
  }
  return fits ? Drop::kNone : Drop::kTcpOutOfWindow;
}

Drop follow_by_table(Session& session, unsigned from, const TcpSegment& segment, const uint8_t* tcp,
                     uint32_t length, bool strict, bool* changed, bool* reopen) {
  const SessionState state = session.state;
  if (tcp_row(state) >= kTcpStates) {  // not opened as TCP: by a later fragment
    *reopen = true;
    return Drop::kNone;
  }
  if ((segment.flags & (kSyn | kAck | kRst)) == 0) return Drop::kTcpInvalidState;
  const TcpKind kind = kind_of(session, from, segment);
  const TcpNext next = kTcpTable[tcp_row(state)][from == session.opener][static_cast<size_t>(kind)];
  Drop drop = Drop::kNone;
  switch (next) {
    case TcpNext::kInvalid:
      return Drop::kTcpInvalidState;
    case TcpNext::kReopen:
      *reopen = true;
      return Drop::kNone;
    case TcpNext::kPass:
      drop = pass(session, from, segment, tcp, length, strict);
      break;
    default:
      drop = apply(session, from, kind, segment, tcp, length, strict);
      if (drop == Drop::kNone) session.state = tcp_state(next);
  }
  *changed = session.state != state;
  return drop;
}

}  // namespace

Drop tcp_open(Session& session, unsigned from, const packet::PacketInfo& info, const uint8_t* tcp,
              uint32_t length, bool strict) {
  const TcpSegment segment = tcp_segment(info, tcp, length);
  session.opener = from & 1;
  session.tcp[from ^ 1] = {};
  if (segment.has(kSyn) && !segment.has(kAck)) {
    session.tcp[from] = opened(segment, tcp, length);
    session.state = SessionState::kSynSent;
    return Drop::kNone;
  }
  if (strict) return Drop::kTcpNoSession;

  TcpEnd& sender = session.tcp[from];
  TcpEnd& receiver = session.tcp[from ^ 1];
  sender = {};
  sender.end = sender.limit = segment.end;
  receiver.end = receiver.limit = segment.ack;
  sender.flags = receiver.flags = kEndLiberal;
  advance(sender, receiver, segment);
  session.state = segment.has(kRst)   ? SessionState::kReset
                  : segment.has(kFin) ? SessionState::kFinWait
                                      : SessionState::kEstablished;
  return Drop::kNone;
}

Drop tcp_follow(Session& session, unsigned from, const packet::PacketInfo& info, const uint8_t* tcp,
                uint32_t length, bool strict, bool* changed, bool* reopen) {
  const TcpSegment segment = tcp_segment(info, tcp, length);
  if (session.state != SessionState::kEstablished || (segment.flags & ~kPsh) != kAck) [[unlikely]] {
    return follow_by_table(session, from, segment, tcp, length, strict, changed, reopen);
  }
  TcpEnd& sender = session.tcp[from];
  TcpEnd& receiver = session.tcp[from ^ 1];
  if (strict && !in_window(sender, receiver, segment)) [[unlikely]]
    return Drop::kTcpOutOfWindow;
  advance(sender, receiver, segment);
  return Drop::kNone;
}

}  // namespace outrigger::engine
