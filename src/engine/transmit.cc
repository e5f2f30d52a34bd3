// Where a burst goes that no DPDK device takes: taps, and the control thread's probe ports.
#include "engine/transmit.h"

#include <rte_cycles.h>

#include <array>
#include <cstring>

#include "engine/echo.h"
#include "engine/tap_io.h"

namespace outrigger::engine {

uint16_t Transmit::send_elsewhere(const Outlet& outlet, uint16_t port, Slot& slot) {
  if (outlet.kind == DeviceKind::kTap) {
    const uint16_t sent =
        write_tap(outlet.tap, slot.packets.data(), slot.count, ports_[port % kCountedPorts]);
    pulse_.beat();
    return sent;
  }
  if (outlet.kind != DeviceKind::kProbe) return 0;
  for (uint16_t i = 0; i < slot.count; ++i) give_to_control(slot.packets[i], port);
  return slot.count;
}

// An echo request is also answered, here and at once: who probes this node from elsewhere learns whether the
// data path lives, and needs no agent for it.
void Transmit::give_to_control(rte_mbuf* packet, uint16_t port) {
  ports_[port % kCountedPorts].tx_packets.add(1);
  const Place from = place(PortId(port), kNoTunnel);
  (void)shared_.from_probes.put(packet, from, rte_rdtsc());
  if (packet->nb_segs == 1 && packet->data_len <= kBufferRoom) {
    std::array<uint8_t, kBufferRoom> copy;
    std::memcpy(copy.data(), rte_pktmbuf_mtod(packet, const void*), packet->data_len);
    const std::span<uint8_t> frame(copy.data(), packet->data_len);
    if (turn_into_reply(frame)) (void)shared_.arrivals[queue_]->put(frame, from);
  }
  rte_pktmbuf_free(packet);
}

}  // namespace outrigger::engine
