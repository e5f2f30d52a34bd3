// The program under test sends packets: counts, samples and frees them, and times those that carry a stamp.
#include <rte_cycles.h>
#include <string.h>

#include "device.h"

static bool is_vxlan(const uint8_t* bytes) {  // RFC 7348 §5: UDP port 4789
  return bytes[12] == 8 && bytes[13] == 0 && bytes[23] == 17 && bytes[36] == 0x12 && bytes[37] == 0xb5;
}

// 16 bins for each power of two; bench/lib/flowgen.py turns them back.
static unsigned bin_of(uint64_t cycles) {
  if (cycles < 16) return (unsigned)cycles;
  const unsigned power = 63 - (unsigned)__builtin_clzll(cycles);
  return RTE_MIN((power - 3) * 16 + (unsigned)(cycles >> (power - 4) & 15), (unsigned)kBins - 1);
}

static void time_packets(uint64_t* bins, struct rte_mbuf** packets, uint16_t count) {
  const uint64_t now = rte_rdtsc();
  for (uint16_t i = 0; i < count; ++i) {
    const uint8_t* const bytes = rte_pktmbuf_mtod(packets[i], const uint8_t*);
    const uint32_t at = (is_vxlan(bytes) ? 50 : 0) + 42;
    if (packets[i]->data_len < at + 8) continue;
    uint64_t due;
    memcpy(&due, bytes + at, sizeof due);
    if (due == 0 || (int64_t)(now - due) < 0) continue;
    bins[bin_of(now - due)]++;
  }
}

static void take_sample(struct Shared* shared, const struct rte_mbuf* packet) {
  uint32_t at = 0;
  shared->sent_length = rte_pktmbuf_pkt_len(packet);
  for (; packet && at < kSample; packet = packet->next) {
    const uint32_t length = RTE_MIN((uint32_t)packet->data_len, kSample - at);
    memcpy(shared->sent_sample + at, rte_pktmbuf_mtod(packet, const void*), length);
    at += length;
  }
}

static void count_kind(struct Sent* counts, const uint8_t* bytes) {
  if (is_vxlan(bytes)) {
    counts->vxlan++;
  } else if (likely(bytes[12] == 8 && bytes[13] == 0)) {
    counts->ipv4++;
  } else {
    counts->other++;
  }
}

uint16_t count_sent(void* queue_, struct rte_mbuf** packets, uint16_t count) {
  struct Queue* const queue = queue_;
  struct Shared* const shared = queue->device->shared;
  struct Sent* const counts = &shared->sent[queue->id];
  if (unlikely(count == 0)) return 0;
  uint64_t bytes = 0;
  for (uint16_t i = 0; i < count; ++i) bytes += packets[i]->pkt_len;
  count_kind(counts, rte_pktmbuf_mtod(packets[0], const uint8_t*));
  if (unlikely(queue->device->stamp)) time_packets(shared->latency[queue->id], packets, count);
  if (unlikely((counts->packets & 0xffff) < count)) take_sample(shared, packets[0]);
  counts->packets += count;
  counts->bytes += bytes;
  counts->bursts++;
  rte_pktmbuf_free_bulk(packets, count);
  return count;
}
