#include "engine/session_frame.h"

#include "packet/builder.h"
#include "packet/parser.h"

namespace outrigger::engine {

namespace {

void add_transport(packet::Builder& builder, const Session& session) {
  const bool from_b = session.opener != 0;
  const uint16_t from = from_b ? session.key.b_port : session.key.a_port;
  const uint16_t to = from_b ? session.key.a_port : session.key.b_port;
  switch (session.key.protocol()) {
    case packet::kTcp:
      (void)builder.tcp(from, to, packet::kSyn);
      return;
    case packet::kUdp:
      (void)builder.udp(from, to);
      return;
    case packet::kSctp:
      (void)builder.sctp(from, to);
      return;
    case packet::kIcmp:
      (void)builder.icmp(8, 0, uint32_t{from} << 16);
      return;
    case packet::kIcmpV6:
      (void)builder.icmp(128, 0, uint32_t{from} << 16);
      return;
    default:
      (void)builder.protocol(session.key.protocol());
  }
}

}  // namespace

// The frame goes to the gateway when the session is routed: its MAC is the source of what routing delivers.
bool SessionFrame::build(const Session& session, const Actions& actions) {
  const End& from = session.end[session.opener];
  const End& to = session.end[session.opener ^ 1];
  if (session.state == SessionState::kDenied || from.tunnel != kNoTunnel || to.port == kNoPort) return false;
  if (from.port.value() >= actions.ports.size() || to.endpoint >= actions.rewrites.size()) return false;
  const Rewrite& rewrite = actions.rewrites[to.endpoint];
  const MacAddress& target = to.routed ? rewrite.source : rewrite.destination;
  const bool from_b = session.opener != 0;
  packet::Builder builder(bytes_);
  builder.ethernet(target, actions.ports[from.port.value()].mac)
      .ip(from_b ? session.key.b : session.key.a, from_b ? session.key.a : session.key.b);
  add_transport(builder, session);
  length_ = builder.finish();
  if (length_ == 0) return false;
  packet::parse(frame(), session.key.vni(), info_);
  return info_.kind == packet::Kind::kFlow && info_.key == session.key;
}

}  // namespace outrigger::engine
