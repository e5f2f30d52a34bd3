// Up to 64 packets on their way through one turn, with what was found out about each.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

#include "engine/session.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

// A PortId and a TunnelId as the one word that begins an End.
using Place = uint32_t;
inline Place place(PortId port, TunnelId tunnel) { return port.value() | uint32_t{tunnel.value()} << 16; }
inline Place place(const End& end) { return place(end.port, end.tunnel); }
inline PortId port_of(Place at) { return PortId(static_cast<uint16_t>(at)); }
inline TunnelId tunnel_of(Place at) { return TunnelId(static_cast<uint16_t>(at >> 16)); }

struct Burst {
  static constexpr uint16_t kSize = 64;

  uint16_t count = 0;
  std::array<rte_mbuf*, kSize> packets;
  std::array<packet::PacketInfo, kSize> info;
  std::array<Place, kSize> from;  // where it arrived
  std::array<SessionIndex, kSize> session;
  uint16_t fast_count = 0;
  uint16_t slow_count = 0;
  std::array<uint8_t, kSize> fast;  // positions with a key that this worker owns
  std::array<uint8_t, kSize> slow;  // positions that need thought

  [[nodiscard]] uint8_t* frame(unsigned i) const { return rte_pktmbuf_mtod(packets[i], uint8_t*); }
  [[nodiscard]] std::span<const uint8_t> bytes(unsigned i) const { return {frame(i), packets[i]->data_len}; }
};

// Padding, and whatever else follows the packet, is no part of what was judged and measured.
inline void cut(rte_mbuf* packet, uint16_t length) {
  if (packet->data_len == length || packet->nb_segs != 1) [[likely]]
    return;
  packet->data_len = length;
  packet->pkt_len = length;
}

// What travels with a packet that is handed to another worker: in the buffer's private area.
struct HandOver {
  packet::PacketInfo info;
  Place from = 0;
  PeerId peer;          // of the tunnel in `from`
  uint64_t number = 0;  // of the publication under which `from` was found
};

inline HandOver* hand_over_of(rte_mbuf* packet) { return static_cast<HandOver*>(rte_mbuf_to_priv(packet)); }

}  // namespace outrigger::engine
