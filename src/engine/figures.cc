// What the engine says of itself, read while the workers run.
#include <rte_ethdev.h>

#include <algorithm>

#include "engine/demands.h"
#include "engine/dpdk_engine.h"

namespace outrigger::engine {

namespace {

PortFigures port_figures(const AttachedPort& port, const NodeMemory& memory) {
  PortFigures out{.id = port.id, .device = port.device};
  if (port.taps.empty() && !port.probe) {
    rte_eth_stats stats{};
    (void)rte_eth_stats_get(port.number, &stats);
    return {port.id, port.device, stats.ipackets, stats.ibytes, stats.opackets, stats.obytes};
  }
  for (unsigned worker = 0; worker < memory.header().sizes.workers; ++worker) {
    const PortCounters& counted = memory.ports(worker)[port.id.value() % kCountedPorts];
    out.rx_packets += counted.rx_packets.get();
    out.rx_bytes += counted.rx_bytes.get();
    out.tx_packets += counted.tx_packets.get();
    out.tx_bytes += counted.tx_bytes.get();
  }
  return out;
}

}  // namespace

Figures DpdkEngine::figures() {
  Figures out{.epoch = epoch_, .generation = published_->tables->generation};
  out.drops = drops();
  out.rule_hits.resize(options_.rules);
  std::vector<Capacity>& capacity = out.capacity;
  for (unsigned id = 0; id < workers_.size(); ++id) {
    const Worker& worker = *workers_[id];
    const WorkerCounters& from = worker.counters();
    for (uint32_t i = 0; i < options_.rules; ++i) out.rule_hits[i] += worker.rule_hits().get(i);
    out.workers.push_back({.worker = id,
                           .turns = from.turns.get(),
                           .busy_turns = from.busy_turns.get(),
                           .packets = from.packets.get(),
                           .decided = from.decided.get(),
                           .redecided = from.redecided.get(),
                           .kept = from.kept.get(),
                           .handed_over = from.handed_over.get(),
                           .answered = from.answered.get(),
                           .sleeps = from.sleeps.get()});
    for (Capacity& one : worker.sessions().capacity()) capacity.push_back(std::move(one));
    capacity.push_back(worker.fragments().capacity());
  }
  while (out.rule_hits.size() > 1 && out.rule_hits.back() == 0) out.rule_hits.pop_back();
  for (const auto& [id, port] : ports_->all()) {
    out.ports.push_back(port_figures(port, *memory_));
  }
  for (Capacity& one : published_->tables->capacity()) capacity.push_back(std::move(one));
  const uint64_t used = rte_mempool_in_use_count(shared_.buffers);
  high_water_ = std::max(high_water_, used);
  capacity.push_back({"buffers", options_.buffers, used, high_water_,
                      out.drops[static_cast<size_t>(Drop::kBuffersExhausted)],
                      uint64_t{options_.buffers} *
                          (RTE_PKTMBUF_HEADROOM + kBufferRoom + kBufferPrivate + sizeof(rte_mbuf))});
  return out;
}

std::vector<uint64_t> DpdkEngine::drops() const {
  std::vector<uint64_t> out(kDropCount);
  for (unsigned id = 0; id < options_.workers; ++id) {
    for (size_t i = 0; i < kDropCount; ++i) out[i] += memory_->counters(id).drops[i].get();
  }
  return out;
}

std::vector<Session> DpdkEngine::sessions(size_t limit) {
  std::vector<Session> out;
  for (const auto& worker : workers_) {
    if (out.size() < limit) worker->sessions().copy(limit - out.size(), out);
  }
  return out;
}

}  // namespace outrigger::engine
