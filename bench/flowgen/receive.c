// The program under test asks for packets: writes a burst of them, cycling over the flows or following the
// script.
#include <arpa/inet.h>
#include <nmmintrin.h>
#include <rte_cycles.h>
#include <rte_memcpy.h>
#include <string.h>

#include "device.h"

// How far the connections are, shared by the forward and the reverse device of one process.
static volatile uint64_t passed[kSteps] __rte_cache_aligned;

void restart_script(void) { memset((void*)(uintptr_t)passed, 0, sizeof passed); }

static __rte_always_inline void copy_template(const struct Device* device, uint8_t* to) {
  const uint8_t* from = device->template;
  rte_mov64(to, from);
  if (likely(device->copied == 64)) return;
  rte_mov64(to + 64, from + 64);
  if (device->copied > 128) rte_mov64(to + 128, from + 128);
}

static __rte_always_inline void write_tcp(uint8_t* l4, const struct Flow* flow, const struct Step* step) {
  uint32_t sum = flow->l4_checksum;
  if (step) {
    *(uint32_t*)(l4 + 4) = htonl(step->sequence);
    *(uint32_t*)(l4 + 8) = htonl(step->acknowledged);
    l4[13] = step->flags;
    sum += step->sum;
  }
  *(uint16_t*)(l4 + 16) = (uint16_t)~fold(sum);
}

static __rte_always_inline void write_packet(const struct Device* device, struct rte_mbuf* packet,
                                             const struct Flow* flow, const struct Step* step) {
  uint8_t* const bytes = rte_pktmbuf_mtod(packet, uint8_t*);
  copy_template(device, bytes);
  uint8_t *ip = bytes + device->ip_at, *l4 = bytes + device->l4_at;
  *(uint16_t*)(ip + 10) = flow->ip_checksum;
  *(uint32_t*)(ip + 12) = flow->source;
  *(uint32_t*)(ip + 16) = flow->destination;
  *(uint16_t*)l4 = flow->source_port;
  *(uint16_t*)(l4 + 2) = flow->destination_port;
  if (device->mac_from_ip) {
    *(uint32_t*)(bytes + device->ethernet_at + 2) = flow->destination;
    *(uint32_t*)(bytes + device->ethernet_at + 8) = flow->source;
  }
  if (device->tcp) {
    write_tcp(l4, flow, step);
  } else if (device->l4_checksum) {
    *(uint16_t*)(l4 + 6) = flow->l4_checksum;
  }
  const uint32_t ports = (uint32_t)flow->source_port << 16 | flow->destination_port;
  if (device->vxlan) {
    const uint32_t hash = _mm_crc32_u32(flow->source, flow->destination ^ ports);
    *(uint16_t*)(bytes + device->outer_port_at) = (uint16_t)(hash | 0x00c0);  // big endian: 49152 and above
  }
  packet->data_len = (uint16_t)device->size;
  packet->pkt_len = device->size;
  packet->port = device->port;
  packet->ol_flags = device->offload_flags;
  if (device->rss) packet->hash.rss = _mm_crc32_u32(_mm_crc32_u32(flow->source, flow->destination), ports);
}

static __rte_always_inline uint16_t write_flows(struct Queue* queue, struct rte_mbuf** packets,
                                                uint16_t count) {
  const struct Device* const device = queue->device;
  const uint32_t active = device->shared->active, stride = queue->stride;
  uint32_t at = queue->at;
  if (unlikely(at >= active)) at = queue->first;
  for (uint16_t i = 0; i < count; ++i) {
    write_packet(device, packets[i], &device->flows[at], NULL);
    at += stride;
    if (at >= active) at = queue->first;
  }
  queue->at = at;
  return count;
}

// Last steps first, so that connections are finished before new ones start.  A step keeps `lag` connections
// behind the one before it.
static uint16_t write_script(struct Queue* queue, struct rte_mbuf** packets, uint16_t count) {
  const struct Device* const device = queue->device;
  const uint32_t active = device->shared->active;
  uint16_t written = 0;
  for (int number = (int)device->script.steps - 1; number >= 0 && written < count; --number) {
    const struct Step* const step = &device->script.step[number];
    if (step->reverse != device->reverse) continue;
    uint64_t at = passed[number], limit = at + (uint64_t)(count - written);
    if (number > 0) {
      const uint64_t before = passed[number - 1];
      limit = before > device->lag ? before - device->lag : 0;
    }
    for (; at < limit && written < count; ++at)
      write_packet(device, packets[written++], &device->flows[at % active], step);
    passed[number] = at;
    device->shared->step[number] = at;
  }
  if (written < count) rte_pktmbuf_free_bulk(packets + written, count - written);
  return written;
}

// A rate without depth is a cap on full bursts.  With depth it is a NIC: packets become due at even times,
// wait in `depth` descriptors, and those for which there is none are lost.
static uint16_t pace(struct Queue* queue, struct Received* counts, uint64_t rate, uint16_t room) {
  const struct Device* const device = queue->device;
  const uint64_t now = rte_rdtsc();
  if (queue->last_rate != rate) {
    queue->last_rate = rate;
    queue->last_tsc = now;
    queue->due = 0;
  }
  queue->due += (double)(now - queue->last_tsc) * (double)rate / (double)device->tsc_hz;
  queue->last_tsc = now;
  if (device->depth == 0) {
    if (queue->due > 512) queue->due = 512;
    return queue->due < room ? 0 : room;
  }
  if (unlikely(queue->due > device->depth)) {
    const uint64_t lost = (uint64_t)(queue->due - device->depth);
    counts->missed += lost;
    queue->due -= (double)lost;
  }
  return queue->due < room ? (uint16_t)queue->due : room;
}

// Into the payload of each UDP packet: the time it was due.
static void stamp(const struct Queue* queue, struct rte_mbuf** packets, uint16_t count, uint64_t rate) {
  const struct Device* const device = queue->device;
  const double gap = rate ? (double)device->tsc_hz / (double)rate : 0;
  const double first = (double)rte_rdtsc() - (rate ? queue->due * gap : 0);
  for (uint16_t i = 0; i < count; ++i) {
    const uint64_t due = (uint64_t)(first + gap * i);
    memcpy(rte_pktmbuf_mtod_offset(packets[i], uint8_t*, device->l4_at + 8), &due, sizeof due);
  }
}

// Holds packets in a ring before they are handed out, so that buffers come from L2 or L3 as with a NIC.
static bool swap_with_ring(struct Queue* queue, struct rte_mbuf** packets, uint16_t count) {
  const uint32_t size = queue->device->ring_size, mask = size - 1;
  if (unlikely(queue->fill < size)) {
    for (uint16_t i = 0; i < count; ++i) {
      if (queue->fill < size) {
        queue->ring[(queue->head + queue->fill++) & mask] = packets[i];
      } else {
        rte_pktmbuf_free(packets[i]);
      }
    }
    return false;
  }
  for (uint16_t i = 0; i < count; ++i) {
    struct rte_mbuf** const place = &queue->ring[queue->head++ & mask];
    struct rte_mbuf* const older = *place;
    *place = packets[i];
    packets[i] = older;
    rte_prefetch0(older);
  }
  return true;
}

static void take_sample(const struct Device* device, const struct rte_mbuf* packet) {
  device->shared->received_length = device->size;
  memcpy(device->shared->received_sample, rte_pktmbuf_mtod(packet, const void*),
         RTE_MIN(device->size, (uint32_t)kSample));
}

uint16_t generate(void* queue_, struct rte_mbuf** packets, uint16_t room) {
  struct Queue* const queue = queue_;
  struct Device* const device = queue->device;
  struct Shared* const shared = device->shared;
  struct Received* const counts = &shared->received[queue->id];
  counts->polls++;
  if (device->sink || !shared->enable) {
    queue->last_rate = 0;  // nothing becomes due meanwhile
    return 0;
  }
  uint16_t count = room;
  const uint64_t rate = shared->rate, left = shared->left;
  if (unlikely(rate)) count = pace(queue, counts, rate, count);
  if (unlikely(left < count)) count = (uint16_t)left;
  if (count == 0) return 0;
  if (unlikely(rte_pktmbuf_alloc_bulk(queue->pool, packets, count) != 0)) {
    counts->no_buffer++;
    return 0;
  }
  count =
      likely(!device->scripted) ? write_flows(queue, packets, count) : write_script(queue, packets, count);
  if (count == 0) return 0;
  if (unlikely(device->stamp)) stamp(queue, packets, count, rate);
  if (unlikely(rate)) queue->due -= count;
  if (unlikely((counts->packets & 0xffff) < count)) take_sample(device, packets[0]);
  if (device->ring_size && !swap_with_ring(queue, packets, count)) return 0;
  counts->packets += count;
  counts->bytes += (uint64_t)count * device->size;
  if (unlikely(left != UINT64_MAX)) shared->left = left - count;
  return count;
}
