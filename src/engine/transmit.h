// Outgoing packets of one worker, gathered by port and sent in bursts.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <span>
#include <vector>

#include "engine/node_memory.h"
#include "engine/pulse.h"
#include "engine/shared.h"

namespace outrigger::engine {

class Transmit {
 public:
  static constexpr uint16_t kBurst = 64;

  Transmit(uint16_t queue, WorkerCounters& counters, std::span<PortCounters> ports, Pulse& pulse,
           Shared& shared)
      : queue_(queue), counters_(counters), ports_(ports), pulse_(pulse), shared_(shared) {}

  // The outlets behind PortIds, from now on.  Grows its slots here, so that add() never allocates.
  void use(const std::vector<Outlet>& outlets) {
    outlets_ = &outlets;
    if (slots_.size() < outlets.size()) slots_.resize(outlets.size());
    pending_.reserve(slots_.size() + 4 * kBurst);
  }

  void add(PortId port, rte_mbuf* packet) {
    if (port.value() >= slots_.size()) [[unlikely]]
      return lose(&packet, 1);
    Slot& slot = slots_[port.value()];
    if (slot.count == 0) pending_.push_back(port.value());
    slot.packets[slot.count++] = packet;
    if (slot.count == kBurst) [[unlikely]]
      send(port.value(), slot);
  }

  void flush() {
    for (const uint16_t port : pending_) send(port, slots_[port]);
    pending_.clear();
  }

 private:
  struct Slot {
    uint16_t count = 0;
    std::array<rte_mbuf*, kBurst> packets;
  };

  void send(uint16_t port, Slot& slot) {
    if (slot.count == 0) return;
    const Outlet outlet = port < outlets_->size() ? (*outlets_)[port] : Outlet{};
    const uint16_t sent = outlet.kind == DeviceKind::kEthdev
                              ? rte_eth_tx_burst(outlet.device, queue_, slot.packets.data(), slot.count)
                              : send_elsewhere(outlet, port, slot);
    if (sent < slot.count) [[unlikely]]
      lose(slot.packets.data() + sent, slot.count - sent);
    slot.count = 0;
  }

  // To a tap, a probe port, or nowhere.
  uint16_t send_elsewhere(const Outlet& outlet, uint16_t port, Slot& slot);
  void give_to_control(rte_mbuf* packet, uint16_t port);

  void lose(rte_mbuf** packets, unsigned count) {
    counters_.drops[static_cast<size_t>(Drop::kTransmitFull)].add(count);
    rte_pktmbuf_free_bulk(packets, count);
  }

  uint16_t queue_;
  WorkerCounters& counters_;
  std::span<PortCounters> ports_;
  Pulse& pulse_;
  Shared& shared_;
  const std::vector<Outlet>* outlets_ = nullptr;
  std::vector<Slot> slots_;
  std::vector<uint16_t> pending_;
};

}  // namespace outrigger::engine
