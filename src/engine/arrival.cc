// From a device queue to parsed packets, sorted into the fast and the slow way.
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>

#include "engine/tap_io.h"
#include "engine/worker.h"
#include "packet/parse_inline.h"

namespace outrigger::engine {

namespace {

constexpr unsigned kPrefetchAhead = 4;

void prefetch(const Burst& burst, unsigned i) {
  if (i < burst.count) rte_prefetch0(rte_pktmbuf_mtod(burst.packets[i], void*));
}

// The source MAC of a frame of at least 12 bytes, as the upper 48 bits of a word.
uint64_t source_mac(const uint8_t* frame) {
  uint64_t word;
  std::memcpy(&word, frame + 4, 8);
  return word >> 16;
}

uint64_t as_word(const MacAddress& mac) {
  uint64_t word = 0;
  std::memcpy(&word, mac.bytes.data(), 6);
  return word;
}

void malformed(Burst& burst, unsigned i, Drop why) {
  burst.info[i].kind = packet::Kind::kMalformed;
  burst.info[i].drop = why;
}

}  // namespace

// Decides which way position i goes.
[[gnu::always_inline]] inline void Worker::sort(Burst& burst, unsigned i) {
  const packet::PacketInfo& info = burst.info[i];
  if (info.kind != packet::Kind::kFlow || info.first_fragment) [[unlikely]] {
    burst.slow[burst.slow_count++] = static_cast<uint8_t>(i);
    return;
  }
  if (workers_ > 1 && !keep(burst, i)) return;
  sessions_.prefetch_bucket(info.hash);
  burst.fast[burst.fast_count++] = static_cast<uint8_t>(i);
}

// Removes the outer headers of a packet from an authorised peer for a network it shares with us.  kNoTunnel
// with *why kNone: not a tunnel packet.
[[gnu::always_inline]] inline TunnelId Worker::strip_tunnel(Burst& burst, unsigned i, Drop* why) {
  rte_mbuf* const packet = burst.packets[i];
  const uint32_t length = last_outer_.match(burst.bytes(i));
  if (length == 0) [[unlikely]]
    return strip_other_tunnel(burst, i, why);
  (void)rte_pktmbuf_adj(packet, packet::KnownOuter::kHeaders);
  cut(packet, static_cast<uint16_t>(length));
  return last_tunnel_;
}

bool Worker::receive(const PollSource& source) {
  Burst& burst = burst_;
  if (source.kind == DeviceKind::kEthdev) {
    burst.count = rte_eth_rx_burst(source.device, source.queue, burst.packets.data(), Burst::kSize);
  } else {
    burst.count = read_tap(source.tap, shared_.buffers, burst.packets.data(), Burst::kSize,
                           port_counters_[source.port.value() % kCountedPorts]);
    pulse_.beat();
  }
  if (burst.count == 0) return false;
  arrive(burst, source.port);
  return true;
}

void Worker::arrive(Burst& burst, PortId port) {
  counters_.packets.add(burst.count);
  burst.fast_count = burst.slow_count = 0;
  const PortAction& action = actions_->ports[port.value()];
  if (action.role == PortRole::kUplink) {
    arrive_from_fabric(burst, port);
  } else {
    arrive_from_endpoint(burst, port, action);
  }
  process(burst);
}

void Worker::arrive_from_endpoint(Burst& burst, PortId port, const PortAction& action) {
  const uint64_t mac = as_word(action.mac);
  const Place from = place(port, kNoTunnel);
  for (unsigned i = 0; i < kPrefetchAhead; ++i) prefetch(burst, i);
  for (unsigned i = 0; i < burst.count; ++i) {
    prefetch(burst, i + kPrefetchAhead);
    burst.from[i] = from;
    if (burst.packets[i]->data_len >= 14 && source_mac(burst.frame(i)) != mac) [[unlikely]] {
      malformed(burst, i, action.role == PortRole::kUnbound ? Drop::kPortUnbound : Drop::kSpoofedMac);
    } else {
      packet::parse_inline(burst.bytes(i), action.vni, burst.info[i]);
    }
    sort(burst, i);
  }
}

void Worker::arrive_from_fabric(Burst& burst, PortId port) {
  for (unsigned i = 0; i < kPrefetchAhead; ++i) prefetch(burst, i);
  for (unsigned i = 0; i < burst.count; ++i) {
    prefetch(burst, i + kPrefetchAhead);
    Drop why = Drop::kNone;
    const TunnelId tunnel = strip_tunnel(burst, i, &why);
    burst.from[i] = place(port, tunnel);
    if (why != Drop::kNone) [[unlikely]] {
      malformed(burst, i, why);
    } else {
      const Vni vni = tunnel == kNoTunnel ? Vni(0) : actions_->tunnels[tunnel.value()].vni;
      packet::parse_inline(burst.bytes(i), vni, burst.info[i]);
    }
    sort(burst, i);
  }
}

TunnelId Worker::strip_other_tunnel(Burst& burst, unsigned i, Drop* why) {
  const packet::TunnelInfo outer = packet::parse_tunnel(burst.bytes(i));
  *why = outer.drop;
  if (outer.inner_offset == 0 || outer.drop != Drop::kNone) return kNoTunnel;
  if (std::find(actions_->underlay.begin(), actions_->underlay.end(), outer.destination) ==
      actions_->underlay.end()) {
    *why = Drop::kTunnelNotForUs;
    return kNoTunnel;
  }
  const auto found =
      actions_->sources.find({outer.source, outer.vni.value() << 8 | static_cast<uint32_t>(outer.type)});
  if (found == actions_->sources.end()) {
    *why = actions_->peers.contains(outer.source) ? Drop::kTunnelUnknownVni : Drop::kTunnelUnknownPeer;
    return kNoTunnel;
  }
  last_outer_.learn(burst.bytes(i), outer);
  last_tunnel_ = found->second;
  (void)rte_pktmbuf_adj(burst.packets[i], outer.inner_offset);
  cut(burst.packets[i], outer.inner_length);
  return found->second;
}

// False: its session belongs to another worker, which has it now.
bool Worker::keep(Burst& burst, unsigned i) {
  const packet::PacketInfo& info = burst.info[i];
  const unsigned to = owner(info.hash);
  if (to == id_) return true;
  rte_mbuf* const packet = burst.packets[i];
  HandOver* const with = hand_over_of(packet);
  with->info = info;
  with->from = burst.from[i];
  const TunnelId tunnel = tunnel_of(burst.from[i]);
  with->peer = tunnel == kNoTunnel ? PeerId{} : tunnels_[tunnel.value()].peer;
  with->number = number_;
  counters_.handed_over.add(1);
  Outbox& box = outboxes_[to];
  box.packets[box.count++] = packet;
  if (box.count == Burst::kSize) post(to);
  return false;
}

// One touch of the ring for many packets: its two ends are on two cores.
void Worker::post(unsigned to) {
  Outbox& box = outboxes_[to];
  if (box.count == 0) return;
  const unsigned sent = rte_ring_sp_enqueue_burst(
      shared_.hand_over[id_][to], reinterpret_cast<void**>(box.packets.data()), box.count, nullptr);
  for (unsigned i = sent; i < box.count; ++i) drop(box.packets[i], Drop::kHandOverFull);
  box.count = 0;
}

}  // namespace outrigger::engine
