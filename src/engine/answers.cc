// Packets the engine makes itself: answers, refusals, copies of broadcasts, fragments.
#define ALLOW_EXPERIMENTAL_API  // rte_ipv4_fragment_copy_nonseg_packet
#include <rte_ip_frag.h>

#include <cstring>

#include "engine/encapsulate.h"
#include "engine/worker.h"

namespace outrigger::engine {

namespace {

std::span<uint8_t> room(rte_mbuf* buffer) {
  return {rte_pktmbuf_mtod(buffer, uint8_t*), rte_pktmbuf_tailroom(buffer)};
}

constexpr uint8_t kNeighbourAdvertisement = 136;
constexpr uint16_t kMostFragments = 64;
constexpr size_t kMostReceivers = 256;

bool is_answer_from_the_fabric(const packet::PacketInfo& info, std::span<const uint8_t> frame) {
  if (info.kind == packet::Kind::kNeighbour) return info.icmp_type == kNeighbourAdvertisement;
  return frame.size() >= 22 && frame[21] == 2;  // ARP reply, RFC 826
}

}  // namespace

void Worker::respond(Burst& burst, unsigned i) {
  if (!answers_.take(port_of(burst.from[i]), now_)) return drop(burst.packets[i], Drop::kRateLimited);
  rte_mbuf* const answer = rte_pktmbuf_alloc(shared_.buffers);
  if (answer == nullptr) return drop(burst.packets[i], Drop::kBuffersExhausted);
  const size_t length = tables_->respond(first(burst, i), room(answer));
  if (length == 0) {
    rte_pktmbuf_free(answer);
    return drop(burst.packets[i], Drop::kNotAnswered);
  }
  rte_pktmbuf_free(burst.packets[i]);
  send_back(burst, i, answer, length);
}

// The packet is dropped for `why`, and its sender told when the rate allows.
void Worker::refuse(Burst& burst, unsigned i, Drop why, Step::Error error, uint16_t mtu) {
  if (errors_.take(port_of(burst.from[i]), now_)) {
    if (rte_mbuf* const answer = rte_pktmbuf_alloc(shared_.buffers); answer != nullptr) {
      const size_t length = tables_->refuse(first(burst, i), error, mtu, room(answer));
      if (length == 0) {
        rte_pktmbuf_free(answer);
      } else {
        send_back(burst, i, answer, length);
      }
    }
  }
  drop(burst.packets[i], why);
}

void Worker::send_back(Burst& burst, unsigned i, rte_mbuf* answer, size_t length) {
  answer->data_len = static_cast<uint16_t>(length);
  answer->pkt_len = static_cast<uint32_t>(length);
  counters_.answered.add(1);
  End to;
  to.port = port_of(burst.from[i]);
  to.tunnel = tunnel_of(burst.from[i]);
  deliver(answer, to, burst.info[i].hash);
}

void Worker::replicate(Burst& burst, unsigned i) {
  std::array<End, kMostReceivers> receivers;
  const size_t count = tables_->receivers(first(burst, i), receivers);
  const uint32_t ip_length = burst.info[i].length - 14u;
  cut(burst.packets[i], burst.info[i].length);
  for (size_t k = 0; k < count; ++k) {
    if (ip_length > mtu_towards(receivers[k])) continue;
    rte_mbuf* const copy = rte_pktmbuf_copy(burst.packets[i], shared_.buffers, 0, UINT32_MAX);
    if (copy == nullptr) {
      counters_.drops[static_cast<size_t>(Drop::kBuffersExhausted)].add(1);
      continue;
    }
    deliver(copy, receivers[k], burst.info[i].hash);
  }
  rte_pktmbuf_free(burst.packets[i]);
}

// Sends a packet that has no session of its own (an ICMP error) to `to`.
void Worker::pass(Burst& burst, unsigned i, const End& to) {
  const packet::PacketInfo& info = burst.info[i];
  if (info.length - 14u > mtu_towards(to)) return drop(burst.packets[i], Drop::kPacketTooBig);
  if (to.routed) {
    if (info.ttl <= 1) return drop(burst.packets[i], Drop::kTtlExceeded);
    rewrite(burst.frame(i), info, to);
  }
  cut(burst.packets[i], info.length);
  deliver(burst.packets[i], to, info.hash);
}

// RFC 791 §3.2: an IPv4 packet without DF that does not fit is sent in pieces.
void Worker::fragment(Burst& burst, unsigned i, const End& to, uint16_t mtu) {
  const packet::PacketInfo& info = burst.info[i];
  uint8_t* const frame = burst.frame(i);
  if (to.routed) rewrite(frame, info, to);
  std::array<uint8_t, 14> ethernet;
  std::memcpy(ethernet.data(), frame, ethernet.size());
  rte_mbuf* const whole = burst.packets[i];
  rte_pktmbuf_trim(whole, static_cast<uint16_t>(whole->pkt_len - info.length));
  (void)rte_pktmbuf_adj(whole, info.l3_offset);
  std::array<rte_mbuf*, kMostFragments> pieces;
  const int count = rte_ipv4_fragment_copy_nonseg_packet(whole, pieces.data(), kMostFragments,
                                                         static_cast<uint16_t>(mtu & ~7u), shared_.buffers);
  if (count < 0) return drop(whole, Drop::kPacketTooBig);
  rte_pktmbuf_free(whole);
  for (int k = 0; k < count; ++k) {
    auto* const ip = rte_pktmbuf_mtod(pieces[k], rte_ipv4_hdr*);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    auto* const head = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(pieces[k], ethernet.size()));
    std::memcpy(head, ethernet.data(), ethernet.size());
    deliver(pieces[k], to, info.hash);
  }
}

// Neighbour resolution is the control thread's work; it gets a copy.
void Worker::tell_control(Burst& burst, unsigned i) {
  if (!is_answer_from_the_fabric(burst.info[i], burst.bytes(i))) return;
  (void)shared_.to_control.put(burst.bytes(i), burst.from[i]);
}

}  // namespace outrigger::engine
