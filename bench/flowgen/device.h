// A generator: the packet template, the table of flows, the TCP script, and what each queue keeps.
#pragma once

#include <ethdev_driver.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared.h"

// One flow as its packets carry it, in network byte order, with both checksums worked out.
struct Flow {
  uint32_t source, destination;
  uint16_t source_port, destination_port, ip_checksum, l4_checksum;
};

struct Step {
  uint8_t reverse, flags;
  uint32_t sequence, acknowledged;
  uint32_t sum;  // what the three add to the checksum
};

struct Script {
  const char* name;
  unsigned steps;
  struct Step step[6];
};

struct Queue {
  struct Device* device;
  struct rte_mempool* pool;
  uint32_t at;             // the flow whose turn it is
  uint32_t first, stride;  // the flows of this queue
  uint16_t id;
  struct rte_mbuf** ring;  // packets held back, ring=N
  uint32_t head, fill;
  uint64_t last_tsc, last_rate;
  double due;  // packets that should have been handed out by now
} __rte_cache_aligned;

struct Device {
  uint8_t template[192] __rte_cache_aligned;
  struct Flow* flows;
  uint32_t flow_count, size, copied, ring_size, lag, depth, queues;
  uint16_t ethernet_at, ip_at, l4_at, outer_port_at;
  bool mac_from_ip, tcp, sink, reverse, rss, checksums_good, vxlan, l4_checksum, stamp;
  uint64_t offload_flags, tsc_hz;
  bool scripted;
  struct Script script;
  struct Shared* shared;
  uint16_t port;
  struct rte_ether_addr mac;
  struct Queue receive[kMaxQueues], send[kMaxQueues];
};

struct rte_kvargs;

// arguments.c: reads devargs, writes the template and the table of flows.
extern const char* const kArguments[];
int device_configure(struct Device* device, struct rte_kvargs* arguments);

// flows.c: works out the table of `flow_count` flows.
struct FlowPlan {
  uint32_t source, destination, source_port, destination_port;      // the first flow's
  uint64_t sources, destinations, source_ports, destination_ports;  // how many of each, mixed radix
  bool sequential;                                                  // else in golden-ratio order
};
int make_flows(struct Device* device, const struct FlowPlan* plan);
uint32_t sum16(const void* data, size_t length);
static inline uint16_t fold(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum += sum >> 16;
  return (uint16_t)sum;
}

// receive.c and transmit.c: what the program under test calls for every burst.
uint16_t generate(void* queue, struct rte_mbuf** packets, uint16_t room);
uint16_t count_sent(void* queue, struct rte_mbuf** packets, uint16_t count);
void restart_script(void);
