// Devargs to a generator: the headers every packet starts from, and the plan of the flows.
#include <arpa/inet.h>
#include <errno.h>
#include <rte_kvargs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

const char* const kArguments[] = {"flows",  "nsip",  "ndip",   "nsport", "ndport", "sip",   "dip",
                                  "sport",  "dport", "smac",   "dmac",   "macip",  "proto", "size",
                                  "l4csum", "dir",   "order",  "vni",    "osip",   "odip",  "osmac",
                                  "odmac",  "onsip", "script", "lag",    "ring",   "rss",   "csumok",
                                  "stamp",  "depth", "queues", "enable", "count",  "rate",  NULL};

enum { kFin = 1, kSyn = 2, kRst = 4, kAck = 16 };

static const struct Script kScripts[] = {
    {"hs", 3, {{0, kSyn, 1000, 0, 0}, {1, kSyn | kAck, 5000, 1001, 0}, {0, kAck, 1001, 5001, 0}}},
    {"rst",
     4,
     {{0, kSyn, 1000, 0, 0},
      {1, kSyn | kAck, 5000, 1001, 0},
      {0, kAck, 1001, 5001, 0},
      {0, kRst | kAck, 1001, 5001, 0}}},
    {"fin",
     6,
     {{0, kSyn, 1000, 0, 0},
      {1, kSyn | kAck, 5000, 1001, 0},
      {0, kAck, 1001, 5001, 0},
      {0, kFin | kAck, 1001, 5001, 0},
      {1, kFin | kAck, 5001, 1002, 0},
      {0, kAck, 1002, 5002, 0}}},
};

static int keep(const char* key, const char* value, void* out) {
  (void)key;
  *(const char**)out = value;
  return 0;
}

static const char* text(struct rte_kvargs* arguments, const char* key, const char* otherwise) {
  const char* value = otherwise;
  if (arguments && rte_kvargs_count(arguments, key)) rte_kvargs_process(arguments, key, keep, &value);
  return value;
}

static uint64_t number(struct rte_kvargs* arguments, const char* key, uint64_t otherwise) {
  const char* const value = text(arguments, key, NULL);
  return value ? strtoull(value, NULL, 0) : otherwise;
}

static bool is(struct rte_kvargs* arguments, const char* key, const char* wanted) {
  return strcmp(text(arguments, key, ""), wanted) == 0;
}

static uint32_t address(struct rte_kvargs* arguments, const char* key, const char* otherwise) {
  struct in_addr out = {0};
  (void)inet_aton(text(arguments, key, otherwise), &out);
  return ntohl(out.s_addr);
}

static void mac(struct rte_kvargs* arguments, const char* key, const char* otherwise, uint8_t* out) {
  const char* value = text(arguments, key, otherwise);
  for (int i = 0; i < 6; ++i) {
    unsigned byte = 0;
    if (*value == ':') ++value;
    (void)sscanf(value, "%2x", &byte);
    out[i] = (uint8_t)byte;
    value += 2;
  }
}

static void put16(uint8_t* to, uint32_t value) {
  to[0] = (uint8_t)(value >> 8);
  to[1] = (uint8_t)value;
}

static void put32(uint8_t* to, uint32_t value) {
  put16(to, value >> 16);
  put16(to + 2, value);
}

static void write_ipv4(uint8_t* ip, uint32_t length, uint8_t protocol) {
  ip[0] = 0x45;
  put16(ip + 2, length);
  ip[6] = 0x40;
  ip[8] = 64;
  ip[9] = protocol;
}

// RFC 7348 §5 around a packet of `inner` bytes.
static void write_outer(struct Device* device, struct rte_kvargs* arguments, uint32_t vni, uint32_t inner) {
  uint8_t *bytes = device->template, *ip = bytes + 14, *udp = bytes + 34;
  mac(arguments, "odmac", "020000000001", bytes);
  mac(arguments, "osmac", "020000000002", bytes + 6);
  put16(bytes + 12, 0x0800);
  write_ipv4(ip, inner + 36, 17);
  put32(ip + 12, address(arguments, "osip", "192.168.100.2"));
  put32(ip + 16, address(arguments, "odip", "192.168.100.1"));
  const uint16_t checksum = (uint16_t)~sum16(ip, 20);
  memcpy(ip + 10, &checksum, 2);
  put16(udp + 2, 4789);
  put16(udp + 4, inner + 16);
  udp[8] = 8;
  put32(udp + 12, vni << 8);
  device->outer_port_at = 34;
}

static void write_ethernet(struct Device* device, struct rte_kvargs* arguments) {
  uint8_t* const bytes = device->template + device->ethernet_at;
  uint8_t source[6], destination[6];
  mac(arguments, "smac", "02000a000001", source);
  mac(arguments, "dmac", "02000a800001", destination);
  if (device->mac_from_ip) {  // the last four bytes come with each packet
    memcpy(source, "\x02\x00\0\0\0\0", 6);
    memcpy(destination, "\x02\x00\0\0\0\0", 6);
  }
  memcpy(bytes, device->reverse ? source : destination, 6);
  memcpy(bytes + 6, device->reverse ? destination : source, 6);
  put16(bytes + 12, 0x0800);
}

static void write_inner(struct Device* device, struct rte_kvargs* arguments, uint32_t size) {
  write_ethernet(device, arguments);
  uint8_t* const l4 = device->template + device->l4_at;
  uint32_t length = size - 14;
  if (device->tcp) length = device->scripted ? 40 : RTE_MAX(size, 54u) - 14;
  write_ipv4(device->template + device->ip_at, length, device->tcp ? 6 : 17);
  if (!device->tcp) {
    put16(l4 + 4, length - 20);
    return;
  }
  l4[12] = 0x50;
  put16(l4 + 14, 0xffff);
  if (device->scripted) return;
  l4[13] = kAck;
  put32(l4 + 4, 1001);
  put32(l4 + 8, 5001);
}

static int choose_script(struct Device* device, const char* name) {
  for (unsigned i = 0; i < RTE_DIM(kScripts); ++i) {
    if (strcmp(name, kScripts[i].name) != 0) continue;
    device->script = kScripts[i];
    device->scripted = device->tcp = true;
    for (unsigned at = 0; at < device->script.steps; ++at) {
      struct Step* const step = &device->script.step[at];
      uint8_t fields[12] = {0};
      put32(fields, step->sequence);
      put32(fields + 4, step->acknowledged);
      fields[9] = step->flags;
      step->sum = sum16(fields, sizeof fields);
    }
    restart_script();
    return 0;
  }
  fprintf(stderr, "flowgen: no script \"%s\"\n", name);
  return -EINVAL;
}

static int read_switches(struct Device* device, struct rte_kvargs* arguments) {
  device->flow_count = (uint32_t)RTE_MAX(number(arguments, "flows", 1), 1u);
  device->mac_from_ip = number(arguments, "macip", 0) != 0;
  device->tcp = is(arguments, "proto", "tcp");
  device->reverse = is(arguments, "dir", "rev");
  device->sink = is(arguments, "dir", "sink");
  device->rss = number(arguments, "rss", 0) != 0;
  device->checksums_good = number(arguments, "csumok", 0) != 0;
  device->l4_checksum = number(arguments, "l4csum", 0) != 0;
  device->ring_size = (uint32_t)number(arguments, "ring", 0);
  if (device->ring_size) device->ring_size = rte_align32pow2(device->ring_size);
  device->lag = (uint32_t)number(arguments, "lag", 128);
  device->stamp = number(arguments, "stamp", 0) != 0;
  device->depth = (uint32_t)number(arguments, "depth", 0);
  device->queues = (uint32_t)RTE_MIN(RTE_MAX(number(arguments, "queues", 1), 1u), (uint64_t)kMaxQueues);
  device->offload_flags =
      (device->rss ? RTE_MBUF_F_RX_RSS_HASH : 0) |
      (device->checksums_good ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0);
  const char* const script = text(arguments, "script", NULL);
  return script ? choose_script(device, script) : 0;
}

int device_configure(struct Device* device, struct rte_kvargs* arguments) {
  const int error = read_switches(device, arguments);
  if (error != 0) return error;
  const uint32_t vni = (uint32_t)number(arguments, "vni", 0);
  const uint32_t size = (uint32_t)number(arguments, "size", 64);
  device->vxlan = vni != 0;
  if (device->vxlan) write_outer(device, arguments, vni, size);
  device->ethernet_at = device->vxlan ? 50 : 0;
  device->ip_at = (uint16_t)(device->ethernet_at + 14);
  device->l4_at = (uint16_t)(device->ethernet_at + 34);
  write_inner(device, arguments, size);
  device->size = size + device->ethernet_at;
  device->copied = device->size <= 64 ? 64 : device->size <= 128 ? 128 : 192;
  const struct FlowPlan plan = {
      .source = address(arguments, "sip", "10.0.0.1"),
      .destination = address(arguments, "dip", "10.128.0.1"),
      .source_port = (uint32_t)number(arguments, "sport", 1024),
      .destination_port = (uint32_t)number(arguments, "dport", 9),
      .sources = number(arguments, "nsip", 65536),
      .destinations = number(arguments, "ndip", 1),
      .source_ports = number(arguments, "nsport", 32768),
      .destination_ports = number(arguments, "ndport", 1),
      .sequential = is(arguments, "order", "seq"),
  };
  return make_flows(device, &plan);
}
