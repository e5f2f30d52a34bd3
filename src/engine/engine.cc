// The control side of the engine: starts workers, publishes tables, answers questions.
#include "engine/engine.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/eal.h"
#include "engine/memory.h"
#include "engine/neighbours.h"
#include "engine/ports.h"
#include "engine/worker.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::engine {

namespace v1 = ::outrigger::engine::v1;

namespace {

constexpr unsigned kBufferCache = 256;
constexpr unsigned kRingSize = 1024;
constexpr uint16_t kPrivate = (sizeof(HandOver) + 63) / 64 * 64;
constexpr uint16_t kBufferRoom = RTE_PKTMBUF_HEADROOM + 2048;
constexpr uint16_t kLargestMtu = 2048 - 14;

std::vector<PortRequest> requests(const v1::Structure& structure) {
  std::vector<PortRequest> out;
  for (const v1::Port& port : structure.ports()) {
    const auto mtu = static_cast<uint16_t>(port.mtu() == 0 ? 1500 : port.mtu());
    out.push_back({PortId(static_cast<uint16_t>(port.id())), port.device(), mtu});
  }
  return out;
}

absl::Status check_mtu(const std::vector<PortRequest>& wanted) {
  for (const PortRequest& port : wanted) {
    if (port.mtu > kLargestMtu) {
      return absl::InvalidArgumentError(absl::StrCat("port \"", port.device, "\": MTU ", port.mtu,
                                                     " is above what a packet buffer holds, ", kLargestMtu));
    }
  }
  return absl::OkStatus();
}

Limits limits_of(const v1::Structure& structure, unsigned workers) {
  Limits limits;
  const v1::Tracking& tracking = structure.tracking();
  const auto share = [&](uint32_t quota) { return (quota + workers - 1) / workers; };
  const auto ticks = [](uint32_t seconds, Tick otherwise) {
    return seconds == 0 ? otherwise : seconds * kTicksPerSecond;
  };
  SessionLimits& sessions = limits.sessions;
  sessions.strict_tcp_window = tracking.strict_tcp_window();
  sessions.default_quota = share(tracking.default_session_quota());
  sessions.embryonic = ticks(tracking.embryonic_timeout_s(), sessions.embryonic);
  sessions.established = ticks(tracking.established_timeout_s(), sessions.established);
  sessions.udp = ticks(tracking.udp_timeout_s(), sessions.udp);
  for (const v1::Endpoint& endpoint : structure.endpoints()) {
    if (endpoint.place_case() != v1::Endpoint::kPort) continue;
    limits.quotas.emplace_back(PortId(static_cast<uint16_t>(endpoint.port())),
                               share(endpoint.session_quota()));
  }
  return limits;
}

// EAL ties its main thread to a CPU; ours goes where it was.
absl::Status start_eal_unpinned(const EalOptions& options) {
  cpu_set_t before;
  const bool known = pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0;
  absl::Status status = start_eal(options);
  if (known) (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
  return status;
}

}  // namespace

class DpdkEngine final : public Engine {
 public:
  DpdkEngine(EngineOptions options, std::unique_ptr<TableBuilder> builder)
      : options_(std::move(options)), builder_(std::move(builder)) {}

  ~DpdkEngine() override {
    shared_.stop.store(true);
    for (std::thread& thread : threads_) thread.join();
    ports_.reset();
    drain_rings();
    workers_.clear();
    for (const auto& row : shared_.hand_over) {
      for (rte_ring* ring : row) rte_ring_free(ring);
    }
    for (rte_ring* ring : shared_.from_control) rte_ring_free(ring);
    rte_ring_free(shared_.to_control);
    rte_mempool_free(shared_.buffers);
    rte_free(shared_.qsbr);
    (void)rte_eal_cleanup();
  }

  absl::Status begin() {
    const EalOptions eal{options_.huge_pages, options_.memory_mib, options_.eal};
    if (absl::Status status = start_eal_unpinned(eal); !status.ok()) return status;
    if (absl::Status status = make_shared_parts(); !status.ok()) return status;
    if (absl::Status status = make_workers(); !status.ok()) return status;
    auto empty = builder_->build("", Epoch(1));
    if (!empty.ok()) return empty.status();
    publish(*empty);
    builder_->retire();
    for (auto& worker : workers_) threads_.emplace_back([&worker] { worker->run(); });
    pin();
    return absl::OkStatus();
  }

  absl::StatusOr<Epoch> apply(std::string_view bytes) override {
    v1::Update update;
    if (!update.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::InvalidArgumentError("the update is not an outrigger.engine.v1.Update");
    }
    std::vector<PortRequest> wanted = wanted_;
    if (update.has_structure()) {
      wanted = requests(update.structure());
      if (absl::Status status = check_mtu(wanted); !status.ok()) return status;
      if (absl::Status status = ports_->attach(wanted); !status.ok()) return status;
    }
    auto tables = builder_->build(bytes, Epoch(epoch_.value() + 1));
    if (!tables.ok()) {
      ports_->prune(wanted_);
      return tables.status();
    }
    wanted_ = std::move(wanted);
    if (update.has_structure()) {
      for (auto& worker : workers_) worker->set_limits(limits_of(update.structure(), options_.workers));
    }
    publish(*tables);
    builder_->retire();
    ports_->prune(wanted_);
    return epoch_;
  }

  absl::StatusOr<Explanation> explain(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) override {
    const Tables& tables = *published_->tables;
    const Actions& actions = *tables.actions;
    if (port.value() >= actions.ports.size() ||
        tunnel.value() >= std::max<size_t>(1, actions.tunnels.size())) {
      return absl::NotFoundError(absl::StrCat("no port ", port.value(), " or tunnel ", tunnel.value()));
    }
    const Vni vni =
        tunnel == kNoTunnel ? actions.ports[port.value()].vni : actions.tunnels[tunnel.value()].vni;
    packet::PacketInfo info;
    packet::parse(frame, vni, info);
    Explanation out{.kind = info.kind, .epoch = tables.epoch, .generation = tables.generation};
    if (info.kind == packet::Kind::kMalformed) {
      out.step = Step::dropped(info.drop);
      out.decision.drop = info.drop;
      return out;
    }
    out.step = tables.decide({info, frame, port, tunnel}, out.decision);
    return out;
  }

  Figures figures() override;
  std::vector<Session> sessions(size_t limit) override;

  void tend() override {
    const auto now = Neighbours::Clock::now();
    bool learnt = false;
    rte_mbuf* packet = nullptr;
    while (rte_ring_sc_dequeue(shared_.to_control, reinterpret_cast<void**>(&packet)) == 0) {
      const auto answer = neighbours_.hear({rte_pktmbuf_mtod(packet, const uint8_t*), packet->data_len}, now);
      if (answer) learnt |= builder_->learn(answer->address, answer->mac);
      rte_pktmbuf_free(packet);
    }
    if (learnt) republish();
    const Actions& actions = *published_->tables->actions;
    if (actions.uplink == kNoPort) return;
    neighbours_.ask(builder_->neighbours(), {actions.ports[actions.uplink.value()].mac, actions.underlay},
                    now, [&](std::span<const uint8_t> frame) { send(frame, actions.uplink); });
  }

 private:
  absl::Status make_shared_parts() {
    shared_.always_poll = options_.always_poll;
    shared_.start_cycles = rte_rdtsc();
    shared_.cycles_per_tick = rte_get_tsc_hz() / kTicksPerSecond;
    shared_.buffers = rte_pktmbuf_pool_create("buffers", options_.buffers, kBufferCache, kPrivate,
                                              kBufferRoom, SOCKET_ID_ANY);
    if (shared_.buffers == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat(options_.buffers, " packet buffers do not fit in ",
                                                       options_.memory_mib,
                                                       " MiB: give more memory or fewer buffers"));
    }
    const size_t size = rte_rcu_qsbr_get_memsize(options_.workers);
    shared_.qsbr = static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", size, RTE_CACHE_LINE_SIZE));
    if (shared_.qsbr == nullptr || rte_rcu_qsbr_init(shared_.qsbr, options_.workers) != 0) {
      return absl::ResourceExhaustedError("no memory for quiescent-state bookkeeping");
    }
    ports_ = std::make_unique<Ports>(options_.workers, shared_.buffers);
    return make_rings();
  }

  absl::Status make_rings() {
    bool made = true;
    const auto ring = [&](const std::string& name, unsigned flags) {
      rte_ring* const out = rte_ring_create(name.c_str(), kRingSize, SOCKET_ID_ANY, flags);
      made &= out != nullptr;
      return out;
    };
    shared_.to_control = ring("to_control", RING_F_SC_DEQ);
    shared_.hand_over.resize(options_.workers);
    for (unsigned from = 0; from < options_.workers; ++from) {
      shared_.from_control.push_back(ring(absl::StrCat("from_control", from), RING_F_SP_ENQ | RING_F_SC_DEQ));
      for (unsigned to = 0; to < options_.workers; ++to) {
        shared_.hand_over[from].push_back(
            from == to ? nullptr
                       : ring(absl::StrCat("hand_over", from, "_", to), RING_F_SP_ENQ | RING_F_SC_DEQ));
      }
    }
    return made ? absl::OkStatus() : absl::ResourceExhaustedError("no memory for rings");
  }

  absl::Status make_workers() {
    const size_t bytes = SessionTable::bytes_needed(options_.sessions_per_worker);
    for (unsigned id = 0; id < options_.workers; ++id) {
      auto memory = Memory::map(bytes, options_.huge_pages);
      if (!memory.ok()) return memory.status();
      session_memory_.push_back(*std::move(memory));
      workers_.push_back(std::make_unique<Worker>(id, options_.workers, shared_,
                                                  session_memory_.back().bytes(),
                                                  options_.sessions_per_worker, options_.rules));
    }
    return absl::OkStatus();
  }

  void pin() {
    for (size_t id = 0; id < threads_.size() && id < options_.worker_cpus.size(); ++id) {
      cpu_set_t cpus;
      CPU_ZERO(&cpus);
      CPU_SET(options_.worker_cpus[id], &cpus);
      (void)pthread_setaffinity_np(threads_[id].native_handle(), sizeof cpus, &cpus);
    }
  }

  // One store; afterwards no worker uses what was published before.
  void publish(const Tables* tables) {
    auto fresh = std::make_unique<Published>();
    fresh->number = ++publications_;
    fresh->tables = tables;
    ports_->describe(wanted_, *fresh);
    shared_.published.store(fresh.get(), std::memory_order_release);
    rte_rcu_qsbr_synchronize(shared_.qsbr, RTE_QSBR_THRID_INVALID);
    published_ = std::move(fresh);
    epoch_ = tables->epoch;
  }

  void republish() {
    if (auto tables = builder_->rebuild(Epoch(epoch_.value() + 1)); tables.ok()) {
      publish(*tables);
      builder_->retire();
    }
  }

  void send(std::span<const uint8_t> frame, PortId port) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(shared_.buffers);
    if (packet == nullptr) return;
    std::memcpy(rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size())), frame.data(), frame.size());
    hand_over_of(packet)->from = place(port, kNoTunnel);
    if (rte_ring_sp_enqueue(shared_.from_control[0], packet) != 0) rte_pktmbuf_free(packet);
  }

  void drain_rings() {
    rte_mbuf* packet = nullptr;
    const auto drain = [&](rte_ring* ring) {
      while (ring != nullptr && rte_ring_dequeue(ring, reinterpret_cast<void**>(&packet)) == 0)
        rte_pktmbuf_free(packet);
    };
    for (const auto& row : shared_.hand_over) {
      for (rte_ring* ring : row) drain(ring);
    }
    for (rte_ring* ring : shared_.from_control) drain(ring);
    drain(shared_.to_control);
  }

  EngineOptions options_;
  std::unique_ptr<TableBuilder> builder_;
  Shared shared_;
  std::unique_ptr<Ports> ports_;
  std::vector<Memory> session_memory_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Published> published_;
  std::vector<PortRequest> wanted_;
  Neighbours neighbours_;
  Epoch epoch_;
  uint64_t publications_ = 0;
  uint64_t high_water_ = 0;  // of buffers, as seen by figures()
};

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
  const uint64_t used = rte_mempool_in_use_count(shared_.buffers);
  high_water_ = std::max(high_water_, used);
  capacity.push_back({"buffers", options_.buffers, used, high_water_,
                      out.drops[static_cast<size_t>(Drop::kBuffersExhausted)],
                      uint64_t{options_.buffers} * (kBufferRoom + kPrivate + sizeof(rte_mbuf))});
  return out;
}

std::vector<Session> DpdkEngine::sessions(size_t limit) {
  std::vector<Session> out;
  for (const auto& worker : workers_) {
    if (out.size() < limit) worker->sessions().copy(limit - out.size(), out);
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::start(const EngineOptions& options,
                                                      std::unique_ptr<TableBuilder> builder) {
  if (options.workers == 0 || options.workers > 64) {
    return absl::InvalidArgumentError(absl::StrCat("workers: ", options.workers, ", must be 1 to 64"));
  }
  auto engine = std::make_unique<DpdkEngine>(options, std::move(builder));
  if (absl::Status status = engine->begin(); !status.ok()) return status;
  return engine;
}

}  // namespace outrigger::engine
