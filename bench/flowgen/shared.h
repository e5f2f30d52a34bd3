// What a script reads and sets while a generator runs: /dev/shm/fg.<device>.  bench/lib/flowgen.py knows the
// same layout, so that every program is measured without its help.
#pragma once

#include <stdint.h>

enum { kMaxQueues = 16, kMagic = 0x46474e31, kSample = 252, kSteps = 8, kBins = 1024 };

// One cache line a queue, written by the thread that polls it.
struct Received {
  uint64_t packets, bytes, no_buffer, polls;
  uint64_t missed;  // due, but no descriptor was free: lost as on a NIC
  uint64_t pad[3];
};
struct Sent {
  uint64_t packets, bytes, bursts;
  uint64_t vxlan, ipv4, other;  // what the first packet of each burst was
  uint64_t pad[2];
};

struct Shared {
  volatile uint32_t magic, enable;
  volatile uint32_t active, total;  // flows in use now, and in the table
  volatile uint64_t rate;           // packets a second of each queue, 0: as many as are asked for
  volatile uint64_t left;           // packets until it stops, ~0: no limit
  volatile uint64_t step[kSteps];   // connections that have passed each step of the script
  uint64_t tsc_hz;
  uint8_t pad[24];
  struct Received received[kMaxQueues];
  struct Sent sent[kMaxQueues];
  uint32_t sent_length;  // a sent packet, one in 2^16
  uint8_t sent_sample[kSample];
  uint32_t received_length;
  uint8_t received_sample[kSample];
  // Time from when a packet was due to when it was sent, in TSC cycles: 16 bins for each power of two.
  uint64_t latency[kMaxQueues][kBins];
} __attribute__((aligned(64)));
