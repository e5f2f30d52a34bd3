// Where a burst goes that no DPDK device takes: taps, and the control thread's probe ports.
#include "engine/transmit.h"

#include <rte_cycles.h>

#include "engine/echo.h"
#include "engine/tap_io.h"

namespace outrigger::engine {

uint16_t Transmit::send_elsewhere(const Outlet& outlet, uint16_t port, Slot& slot) {
  if (outlet.kind == DeviceKind::kTap)
    return write_tap(outlet.tap, slot.packets.data(), slot.count, ports_[port % kCountedPorts]);
  if (outlet.kind != DeviceKind::kProbe) return 0;
  for (uint16_t i = 0; i < slot.count; ++i) give_to_control(slot.packets[i], port);
  return slot.count;
}

// An echo request is also answered, here and at once: who probes this node from elsewhere learns whether the
// data path lives, and needs no agent for it.
void Transmit::give_to_control(rte_mbuf* packet, uint16_t port) {
  ports_[port % kCountedPorts].tx_packets.add(1);
  rte_mbuf* const copy =
      is_echo_request(packet) ? rte_pktmbuf_copy(packet, shared_.buffers, 0, UINT32_MAX) : nullptr;
  HandOver* const with = hand_over_of(packet);
  with->from = place(PortId(port), kNoTunnel);
  with->number = rte_rdtsc();
  if (rte_ring_mp_enqueue(shared_.from_probes, packet) != 0) rte_pktmbuf_free(packet);
  if (copy == nullptr) return;
  turn_into_reply(copy);
  hand_over_of(copy)->from = place(PortId(port), kNoTunnel);
  if (rte_ring_mp_enqueue(shared_.arrivals[queue_], copy) != 0) rte_pktmbuf_free(copy);
}

}  // namespace outrigger::engine
