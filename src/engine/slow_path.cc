// The slow path: first packets, stale sessions, denials, fragments and ICMP errors.  Decides, then hands back
// to the fast path's forward().
#include "engine/tcp_track.h"
#include "engine/worker.h"

namespace outrigger::engine {

namespace {

using packet::Kind;
using packet::PacketInfo;

bool opens_connection(const PacketInfo& info) {
  return (info.tcp_flags & (packet::kSyn | packet::kAck | packet::kRst | packet::kFin)) == packet::kSyn;
}

// Who opened a connection that is seen from its middle.  The end with a port from the dynamic range (RFC 6335
// §6; Linux begins at 32768), if only one of them has such a port.
enum class Opener : uint8_t { kSender, kReceiver, kUnknown };
constexpr uint16_t kFirstDynamicPort = 32768;

Opener opener_of(const PacketInfo& info) {
  const bool sender = info.source_port() >= kFirstDynamicPort;
  const bool receiver = info.destination_port() >= kFirstDynamicPort;
  if (sender == receiver || (info.tcp_flags & (packet::kSyn | packet::kRst)) != 0) return Opener::kUnknown;
  return sender ? Opener::kSender : Opener::kReceiver;
}

bool is_tcp(const PacketInfo& info) { return info.key.protocol() == packet::kTcp; }

bool denied_by_policy(const Step& step) {
  return step.kind == Step::Kind::kDrop &&
         (step.drop == Drop::kPolicyEgress || step.drop == Drop::kPolicyIngress);
}

uint32_t deciding_rule(const Decision& decision) {
  return decision.ingress.rule != kNoRule ? decision.ingress.rule.value() : decision.egress.rule.value();
}

}  // namespace

void Worker::think(Burst& burst, unsigned i) {
  const PacketInfo& info = burst.info[i];
  switch (info.kind) {
    case Kind::kMalformed:
      return drop(burst.packets[i], info.drop);
    case Kind::kFragment:
      if (borrow_ports(burst, i)) flow(burst, i);
      return;
    case Kind::kFlow:
      if (info.first_fragment && !borrow_ports(burst, i)) return;
      return flow(burst, i);
    case Kind::kIcmpError:
      return icmp_error(burst, i);
    case Kind::kArp:
    case Kind::kNeighbour: {
      if (actions_->ports[port_of(burst.from[i]).value()].role == PortRole::kUplink &&
          tunnel_of(burst.from[i]) == kNoTunnel) {  // what tenants say teaches the underlay nothing
        tell_control(burst, i);
      }
      Decision decision;
      const Step step = tables_->decide(first(burst, i), decision);
      return act(burst, i, step, decision);
    }
  }
}

// Gives a fragment the ports of its flow; false when it is gone: dropped, or with the worker that owns the
// flow.
bool Worker::borrow_ports(Burst& burst, unsigned i) {
  if (burst.info[i].kind == Kind::kFlow && !burst.info[i].first_fragment) return true;
  const Drop why = fragments_.track(burst.info[i], burst.bytes(i), now_);
  if (why != Drop::kNone) {
    drop(burst.packets[i], why);
    return false;
  }
  return keep(burst, i);
}

void Worker::flow(Burst& burst, unsigned i) {
  const PacketInfo& info = burst.info[i];
  const SessionIndex index = sessions_.find(info.key, info.hash);
  if (index == kNoSession) return open(burst, i);
  const Session& session = sessions_.at(index);
  if (session.state == SessionState::kDenied) return denied(burst, i, index);
  if (session.epoch != tables_->epoch.value()) return stale(burst, i, index);
  conclude(burst, i, index);
}

// A session is current: send, or act on why it cannot be.
void Worker::conclude(Burst& burst, unsigned i, SessionIndex index) {
  const Drop why = forward(burst, i, index);
  if (why == Drop::kNone) return;
  const PacketInfo& info = burst.info[i];
  const End& to = sessions_.at(index).end[info.reverse ^ 1];
  switch (why) {
    case Drop::kTtlExceeded:
      return refuse(burst, i, why, Step::Error::kTimeExceeded, 0);
    case Drop::kPacketTooBig: {
      const uint16_t mtu = mtu_towards(to);
      if (info.dont_fragment) return refuse(burst, i, why, Step::Error::kTooBig, mtu);
      const Drop refused = take_note(burst, i, index);
      if (refused == Drop::kNone) return fragment(burst, i, to, mtu);
      if (refused == Drop::kTcpNoSession) return reopen(burst, i, index);
      return drop(burst.packets[i], refused);
    }
    case Drop::kTcpNoSession:
      return reopen(burst, i, index);
    default:
      return misplaced(burst, i, index);
  }
}

// The ports of a closed connection are used again.
void Worker::reopen(Burst& burst, unsigned i, SessionIndex index) {
  sessions_.erase(index);
  open(burst, i);
}

// From a place that is not the session's.  A tunnelled end may change its tunnel (a plain host's router is
// any of our nodes): that is for the services to say.  A local end may not move without a new epoch.
void Worker::misplaced(Burst& burst, unsigned i, SessionIndex index) {
  const End& from = sessions_.at(index).end[burst.info[i].reverse];
  if (from.tunnel == kNoTunnel || tunnel_of(burst.from[i]) == kNoTunnel || place(from) == burst.from[i]) {
    return drop(burst.packets[i], Drop::kSessionWrongPort);
  }
  decide_again(burst, i, index);
}

// The tables have changed since this session was decided, or another engine decided it.
void Worker::stale(Burst& burst, unsigned i, SessionIndex index) {
  Session& session = sessions_.at(index);
  const unsigned direction = burst.info[i].reverse;
  const FirstPacket packet = first(burst, i, direction != session.opener);
  const End& from = session.end[direction];
  const End& to = session.end[direction ^ 1];
  if (ours(session) && place(from) == burst.from[i] &&
      !tables_->changed_since(packet, from, to, Epoch(session.epoch))) {
    counters_.kept.add(1);
    session.epoch = tables_->epoch.value();
    return conclude(burst, i, index);
  }
  decide_again(burst, i, index);
}

void Worker::decide_again(Burst& burst, unsigned i, SessionIndex index) {
  Session& session = sessions_.at(index);
  const unsigned direction = burst.info[i].reverse;
  const FirstPacket packet = first(burst, i, direction != session.opener);
  Decision decision;
  const Step step = tables_->decide(packet, decision);
  counters_.redecided.add(1);
  count_rules(decision);
  sample(packet, step, decision);
  if (step.kind == Step::Kind::kNext) {
    session.end[direction] = decision.from;
    session.end[direction ^ 1] = decision.to;
    session.rule = deciding_rule(decision);
    session.epoch = tables_->epoch.value();
    return conclude(burst, i, index);
  }
  if (!denied_by_policy(step)) {
    // A packet from elsewhere may be forged; what it pretends to belong to stands.
    if (place(session.end[direction]) == burst.from[i]) sessions_.erase(index);
    return act(burst, i, step, decision);
  }
  session.end[0].port = session.end[1].port = kNoPort;
  session.state = SessionState::kDenied;
  session.drop = step.drop;
  session.revoked = 1;
  session.reject = decision.reject;
  session.rule = deciding_rule(decision);
  session.epoch = tables_->epoch.value();
  sessions_.settle(index, now_);
  act(burst, i, step, decision);
}

// Whether what revoked a flow still does, asked the way round in which it was opened: its replies would
// otherwise open it from the other side after any later change.
bool Worker::still_revoked(Burst& burst, unsigned i, Session& session) {
  if (session.epoch == tables_->epoch.value()) return true;
  Decision decision;
  const unsigned direction = burst.info[i].reverse;
  const Step step = tables_->decide(first(burst, i, direction != session.opener), decision);
  if (!denied_by_policy(step)) return false;
  session.drop = step.drop;
  session.rule = deciding_rule(decision);
  session.epoch = tables_->epoch.value();
  return true;
}

// A denial is remembered for the direction it was said of; a revoked flow stays closed both ways, until it is
// opened anew from the other side or the tables change.
void Worker::denied(Burst& burst, unsigned i, SessionIndex index) {
  Session& session = sessions_.at(index);
  const PacketInfo& info = burst.info[i];
  const unsigned direction = info.reverse;
  const bool same_way = direction == session.opener && place(session.end[direction]) == burst.from[i];
  const bool opened_anew = direction != session.opener && is_tcp(info) && opens_connection(info);
  const bool holds = session.revoked ? !opened_anew && still_revoked(burst, i, session)
                                     : same_way && session.epoch == tables_->epoch.value();
  if (!holds) {
    sessions_.erase(index);
    return open(burst, i);
  }
  session.packets[direction] += 1;
  if (session.revoked) sessions_.settle(index, now_);
  const Drop why = session.drop;
  if (session.reject) return refuse(burst, i, why, Step::Error::kProhibited, 0);
  drop(burst.packets[i], why);
}

// The first packet of a flow.
void Worker::open(Burst& burst, unsigned i) {
  const PacketInfo& info = burst.info[i];
  if (is_tcp(info) && !opens_connection(info)) return pick_up(burst, i);
  Decision decision;
  const Step step = decide_first(burst, i, false, decision);
  if (step.kind == Step::Kind::kNext) return install(burst, i, decision, false);
  if (denied_by_policy(step)) remember_denial(burst, i, decision);
  act(burst, i, step, decision);
}

// A connection seen from its middle: from before a restart, or while the host carried it.  It is judged as
// what its opener may; where its ports do not tell who that was, it must be allowed either way round.
void Worker::pick_up(Burst& burst, unsigned i) {
  const Opener opener = strict_ ? Opener::kUnknown : opener_of(burst.info[i]);
  const bool answers = opener == Opener::kReceiver;
  Decision decision;
  Step step = decide_first(burst, i, answers, decision);
  if (step.kind == Step::Kind::kNext && opener == Opener::kUnknown) {
    Decision other;
    if (strict_) return drop(burst.packets[i], Drop::kTcpNoSession);
    step = tables_->decide(first(burst, i, true), other);
    if (denied_by_policy(step)) return drop(burst.packets[i], Drop::kTcpNoSession);
  }
  if (step.kind == Step::Kind::kNext) return install(burst, i, decision, answers);
  if (answers && denied_by_policy(step)) return drop(burst.packets[i], Drop::kTcpNoSession);
  if (denied_by_policy(step)) remember_denial(burst, i, decision);
  act(burst, i, step, decision);
}

Step Worker::decide_first(Burst& burst, unsigned i, bool reply, Decision& decision) {
  const FirstPacket packet = first(burst, i, reply);
  const Step step = tables_->decide(packet, decision);
  counters_.decided.add(1);
  count_rules(decision);
  sample(packet, step, decision);
  return step;
}

void Worker::install(Burst& burst, unsigned i, const Decision& decision, bool answers) {
  const PacketInfo& info = burst.info[i];
  Drop why = Drop::kNone;
  const SessionIndex index = sessions_.insert(info.key, info.hash, decision.charged, now_, &why);
  if (index == kNoSession) return drop(burst.packets[i], why);
  Session& session = sessions_.at(index);
  const unsigned direction = info.reverse;
  session.end[direction] = decision.from;
  session.end[direction ^ 1] = decision.to;
  session.opener = direction & 1;
  session.epoch = tables_->epoch.value();
  session.rule = deciding_rule(decision);
  session.state = SessionState::kNew;
  if (is_tcp(info) && info.fragment_offset == 0) {
    why = tcp_open(session, direction, info, burst.frame(i) + info.l4_offset, info.length - info.l4_offset,
                   strict_);
    if (why != Drop::kNone) {
      sessions_.erase(index);
      return drop(burst.packets[i], why);
    }
  }
  if (answers) session.opener = session.opener ^ 1;
  sessions_.settle(index, now_);
  conclude(burst, i, index);
}

// So that the next packet of a denied flow costs a lookup, not a decision.  Only at its sender's expense: a
// flood from the fabric must not take the quota of whom it is aimed at, nor the table.
void Worker::remember_denial(Burst& burst, unsigned i, const Decision& decision) {
  const PacketInfo& info = burst.info[i];
  Drop why = Drop::kNone;
  if (tunnel_of(burst.from[i]) != kNoTunnel) return;
  const SessionIndex index = sessions_.insert(info.key, info.hash, decision.charged, now_, &why);
  if (index == kNoSession) return;
  Session& session = sessions_.at(index);
  session.end[info.reverse].port = port_of(burst.from[i]);
  session.end[info.reverse].tunnel = tunnel_of(burst.from[i]);
  session.opener = info.reverse;
  session.epoch = tables_->epoch.value();
  session.rule = deciding_rule(decision);
  session.drop = decision.drop;
  session.reject = decision.reject;
  session.state = SessionState::kDenied;
  session.packets[info.reverse] = 1;
  sessions_.settle(index, now_);
}

// An ICMP error passes when the flow inside it has a session that stands, and it comes from where that flow
// goes: who is not on its way has nothing to say about it.  (Behind tunnels any node may have been.)
void Worker::icmp_error(Burst& burst, unsigned i) {
  const PacketInfo& info = burst.info[i];
  if (!keep(burst, i)) return;
  Decision decision;
  const FirstPacket packet = first(burst, i);
  const Step step = tables_->decide(packet, decision);
  if (step.kind != Step::Kind::kNext) return act(burst, i, step, decision);
  const SessionIndex index = sessions_.find(info.key, info.hash);
  if (index == kNoSession) return drop(burst.packets[i], Drop::kIcmpErrorNoSession);
  const Session& session = sessions_.at(index);
  const FirstPacket as_flow = first(burst, i, info.reverse != session.opener);
  const Place beyond = place(session.end[info.reverse]);
  const bool on_the_way =
      beyond == burst.from[i] || (tunnel_of(beyond) != kNoTunnel && tunnel_of(burst.from[i]) != kNoTunnel);
  const bool stands =
      on_the_way && session.state != SessionState::kDenied &&
      (session.epoch == tables_->epoch.value() ||
       (ours(session) && !tables_->changed_since(as_flow, session.end[info.reverse],
                                                 session.end[info.reverse ^ 1], Epoch(session.epoch))));
  if (!stands) return drop(burst.packets[i], Drop::kIcmpErrorNoSession);
  pass(burst, i, decision.to);
}

void Worker::act(Burst& burst, unsigned i, const Step& step, const Decision& decision) {
  switch (step.kind) {
    case Step::Kind::kNext:
      return drop(burst.packets[i], Drop::kNotAnswered);
    case Step::Kind::kDrop:
      if (decision.reject && denied_by_policy(step))
        return refuse(burst, i, step.drop, Step::Error::kProhibited, 0);
      return drop(burst.packets[i], step.drop);
    case Step::Kind::kRefuse:
      return refuse(burst, i, step.drop, step.error, step.mtu);
    case Step::Kind::kRespond:
      return respond(burst, i);
    case Step::Kind::kReplicate:
      return replicate(burst, i);
  }
}

void Worker::count_rules(const Decision& decision) {
  if (decision.egress.rule != kNoRule) rule_hits_.hit(decision.egress.rule.value());
  if (decision.ingress.rule != kNoRule) rule_hits_.hit(decision.ingress.rule.value());
}

}  // namespace outrigger::engine
