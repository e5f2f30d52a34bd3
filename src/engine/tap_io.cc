#include "engine/tap_io.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>

namespace outrigger::engine {

namespace {

constexpr int kMostSegments = 8;

ssize_t write_frame(int tap, const rte_mbuf* packet) {
  std::array<iovec, kMostSegments> parts;
  int count = 0;
  for (const rte_mbuf* part = packet; part != nullptr && count < kMostSegments; part = part->next)
    parts[count++] = {rte_pktmbuf_mtod(part, void*), part->data_len};
  return writev(tap, parts.data(), count);
}

}  // namespace

uint16_t read_tap(int tap, rte_mempool* buffers, rte_mbuf** packets, uint16_t count, PortCounters& counters) {
  uint16_t filled = 0;
  uint64_t bytes = 0;
  while (filled < count) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(buffers);
    if (packet == nullptr) break;
    const ssize_t length = read(tap, rte_pktmbuf_mtod(packet, void*), rte_pktmbuf_tailroom(packet));
    if (length <= 0) {
      rte_pktmbuf_free(packet);
      break;
    }
    packet->data_len = static_cast<uint16_t>(length);
    packet->pkt_len = static_cast<uint32_t>(length);
    bytes += static_cast<uint64_t>(length);
    packets[filled++] = packet;
  }
  if (filled == 0) return 0;
  counters.rx_packets.add(filled);
  counters.rx_bytes.add(bytes);
  return filled;
}

uint16_t write_tap(int tap, rte_mbuf** packets, uint16_t count, PortCounters& counters) {
  uint16_t sent = 0;
  uint64_t bytes = 0;
  for (; sent < count; ++sent) {
    const uint32_t length = packets[sent]->pkt_len;
    if (write_frame(tap, packets[sent]) != static_cast<ssize_t>(length)) break;
    bytes += length;
  }
  counters.tx_packets.add(sent);
  counters.tx_bytes.add(bytes);
  rte_pktmbuf_free_bulk(packets, sent);
  return sent;
}

}  // namespace outrigger::engine
