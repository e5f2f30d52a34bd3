// The fast path: a session that is current repeats its decision.  It knows nothing of policy or overlays.
#include <cstring>

#include "engine/encapsulate.h"
#include "engine/tcp_track.h"
#include "engine/worker.h"

namespace outrigger::engine {

void Worker::rewrite(uint8_t* frame, const packet::PacketInfo& info, const End& to) const {
  std::memcpy(frame, &rewrites_[to.endpoint], 12);
  packet::decrement_ttl(frame + info.l3_offset, info.ipv6);
}

[[gnu::always_inline]] inline void Worker::hand_to(rte_mbuf* packet, const End& to, uint32_t hash) {
  if (to.tunnel != kNoTunnel) {
    const Tunnel& tunnel = tunnels_[to.tunnel.value()];
    // A peer may be heard before its MAC is known.
    if (!tunnel.resolved) [[unlikely]]
      return drop(packet, Drop::kOverlayNeighbourUnresolved);
    if (!encapsulate(packet, tunnel, hash)) [[unlikely]]
      return drop(packet, Drop::kBuffersExhausted);
  }
  transmit_.add(to.port, packet);
}

// What a packet that passes does to its session.  kTcpNoSession: its ports are used for a new connection;
// anything else but kNone: it may not pass.
[[gnu::always_inline]] inline Drop Worker::follow(Burst& burst, unsigned i, SessionIndex index) {
  const packet::PacketInfo& info = burst.info[i];
  Session& session = sessions_.at(index);
  const unsigned direction = info.reverse;
  if (info.key.protocol() == packet::kTcp && info.fragment_offset == 0) {
    bool changed = false, reopen = false;
    const Drop refused = tcp_follow(session, direction, info, burst.frame(i) + info.l4_offset,
                                    info.length - info.l4_offset, strict_, &changed, &reopen);
    if (reopen) [[unlikely]]
      return Drop::kTcpNoSession;
    if (refused != Drop::kNone) [[unlikely]]
      return refused;
    session.last_seen = now_;
    if (changed) [[unlikely]]
      sessions_.settle(index, now_);
  } else {
    session.last_seen = now_;
    if (session.state == SessionState::kNew && direction != session.opener) [[unlikely]] {
      session.state = SessionState::kActive;
      sessions_.settle(index, now_);
    }
  }
  session.packets[direction] += 1;
  const uint32_t bytes = session.bytes_low[direction] + info.length;
  session.bytes_high[direction] =
      static_cast<uint16_t>(session.bytes_high[direction] + (bytes < info.length));
  session.bytes_low[direction] = bytes;
  return Drop::kNone;
}

// Sends position i along its session.  Anything but kNone: not sent, the slow path must see it; nothing was
// changed.
[[gnu::always_inline]] inline Drop Worker::repeat(Burst& burst, unsigned i, SessionIndex index) {
  const packet::PacketInfo& info = burst.info[i];
  const Session& session = sessions_.at(index);
  const unsigned direction = info.reverse;
  const End& from = session.end[direction];
  const End& to = session.end[direction ^ 1];
  if (place(from) != burst.from[i] || to.port == kNoPort || session.epoch != epoch_) [[unlikely]] {
    return Drop::kSessionWrongPort;
  }
  if (to.routed && info.ttl <= 1) [[unlikely]]
    return Drop::kTtlExceeded;
  const uint32_t ip_length = info.length - 14u;
  if (ip_length > mtu_towards(to)) [[unlikely]]
    return Drop::kPacketTooBig;
  if (const Drop refused = follow(burst, i, index); refused != Drop::kNone) [[unlikely]] {
    if (refused == Drop::kTcpNoSession) return refused;
    drop(burst.packets[i], refused);
    return Drop::kNone;
  }
  rte_mbuf* const packet = burst.packets[i];
  cut(packet, info.length);
  if (to.routed) rewrite(burst.frame(i), info, to);
  hand_to(packet, to, info.hash);
  return Drop::kNone;
}

void Worker::process(Burst& burst) {
  for (unsigned k = 0; k < burst.fast_count; ++k) {
    const unsigned i = burst.fast[k];
    burst.session[i] = sessions_.candidate(burst.info[i].hash);
  }
  const unsigned arrived = burst.slow_count;  // what is added from here on has a key and no current session
  for (unsigned k = 0; k < burst.fast_count; ++k) {
    const unsigned i = burst.fast[k];
    const SessionIndex found = sessions_.confirm(burst.session[i], burst.info[i].key, burst.info[i].hash);
    if (found == kNoSession || repeat(burst, i, found) != Drop::kNone) [[unlikely]] {
      burst.slow[burst.slow_count++] = static_cast<uint8_t>(i);
    }
  }
  for (unsigned k = 0; k < arrived; ++k) think(burst, burst.slow[k]);
  for (unsigned k = arrived; k < burst.slow_count; ++k) flow(burst, burst.slow[k]);
}

Drop Worker::take_note(Burst& burst, unsigned i, SessionIndex index) { return follow(burst, i, index); }

Drop Worker::forward(Burst& burst, unsigned i, SessionIndex index) { return repeat(burst, i, index); }

void Worker::deliver(rte_mbuf* packet, const End& to, uint32_t hash) { hand_to(packet, to, hash); }

}  // namespace outrigger::engine
