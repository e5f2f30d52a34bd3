// The table of flows: flow i of the plan's mixed radix (source port fastest, then destination, source,
// destination port), in an order in which a flow comes back only after all the others.
#include <arpa/inet.h>
#include <errno.h>
#include <sys/mman.h>

#include "device.h"

// The one's complement sum of the bytes as they lie in memory.
uint32_t sum16(const void* data, size_t length) {
  const uint8_t* bytes = data;
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] | bytes[i + 1] << 8);
  if (length & 1) sum += bytes[length - 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
  while (b) {
    const uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static struct Flow flow_number(uint64_t number, const struct FlowPlan* plan, bool reverse) {
  const uint16_t source_port = htons((uint16_t)(plan->source_port + number % plan->source_ports));
  number /= plan->source_ports;
  const uint32_t destination = htonl((uint32_t)(plan->destination + number % plan->destinations));
  number /= plan->destinations;
  const uint32_t source = htonl((uint32_t)(plan->source + number % plan->sources));
  number /= plan->sources;
  const uint16_t destination_port =
      htons((uint16_t)(plan->destination_port + number % plan->destination_ports));
  if (reverse) return (struct Flow){destination, source, destination_port, source_port, 0, 0};
  return (struct Flow){source, destination, source_port, destination_port, 0, 0};
}

// The template's sums without addresses and ports; the pseudo header (RFC 768, RFC 9293 §3.1) is added here.
static void add_checksums(struct Flow* flow, const struct Device* device, uint32_t ip_sum, uint32_t l4_sum) {
  const uint8_t* length = device->template + device->ip_at + 2;
  const uint16_t l4_length = (uint16_t)((length[0] << 8 | length[1]) - 20);
  const uint8_t pseudo[4] = {0, device->tcp ? 6 : 17, (uint8_t)(l4_length >> 8), (uint8_t)l4_length};
  const uint32_t addresses = sum16(&flow->source, 8);
  flow->ip_checksum = (uint16_t)~fold(ip_sum + addresses);
  flow->l4_checksum = fold(addresses + sum16(pseudo, 4) + l4_sum + sum16(&flow->source_port, 4));
  if (device->tcp) return;  // the step's part is still to be added
  flow->l4_checksum = (uint16_t)~flow->l4_checksum;
  if (flow->l4_checksum == 0) flow->l4_checksum = 0xffff;
}

int make_flows(struct Device* device, const struct FlowPlan* plan) {
  const size_t bytes = (size_t)device->flow_count * sizeof(struct Flow);
  device->flows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (device->flows == MAP_FAILED) {
    device->flows = NULL;
    return -ENOMEM;
  }
  (void)madvise(device->flows, bytes, MADV_HUGEPAGE);
  const uint32_t ip_sum = sum16(device->template + device->ip_at, 20);
  const uint32_t l4_sum = sum16(device->template + device->l4_at, device->tcp ? 20 : 8);
  uint64_t stride = plan->sequential ? 1 : (uint64_t)(device->flow_count * 0.6180339887) | 1;
  while (common_divisor(stride, device->flow_count) != 1) stride += 2;
  uint64_t number = 0;
  for (uint32_t i = 0; i < device->flow_count; ++i) {
    device->flows[i] = flow_number(number, plan, device->reverse);
    add_checksums(&device->flows[i], device, ip_sum, l4_sum);
    number = (number + stride) % device->flow_count;
  }
  return 0;
}
