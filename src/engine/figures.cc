// What the engine says of itself, read while the workers run.
#include <rte_ethdev.h>

#include <algorithm>

#include "engine/demands.h"
#include "engine/dpdk_engine.h"

namespace outrigger::engine {

Figures DpdkEngine::figures() {
  Figures out{.epoch = epoch_, .generation = published_->tables->generation};
  out.drops.resize(kDropCount);
  out.rule_hits.resize(options_.rules);
  std::vector<Capacity>& capacity = out.capacity;
  for (unsigned id = 0; id < workers_.size(); ++id) {
    const Worker& worker = *workers_[id];
    const WorkerCounters& from = worker.counters();
    for (size_t i = 0; i < kDropCount; ++i) out.drops[i] += from.drops[i].get();
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
    rte_eth_stats stats{};
    (void)rte_eth_stats_get(port.number, &stats);
    out.ports.push_back({port.id, port.device, stats.ipackets, stats.ibytes, stats.opackets, stats.obytes});
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

std::vector<Session> DpdkEngine::sessions(size_t limit) {
  std::vector<Session> out;
  for (const auto& worker : workers_) {
    if (out.size() < limit) worker->sessions().copy(limit - out.size(), out);
  }
  return out;
}

}  // namespace outrigger::engine
