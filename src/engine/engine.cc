// The control side of the engine: starts workers, publishes tables, answers questions.
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/demands.h"
#include "engine/dpdk_engine.h"
#include "engine/eal.h"
#include "engine/poll_plan.h"
#include "engine/ports.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::engine {

namespace {

constexpr auto kAnnounceEvery = std::chrono::minutes(5);  // RFC 4861 §6.2.1: at most 30 minutes

absl::Status start_eal_unpinned(const EalOptions& options) {
  cpu_set_t before;
  const bool known = pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0;
  absl::Status status = start_eal(options);
  if (known) (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
  return status;
}

}  // namespace

DpdkEngine::DpdkEngine(EngineOptions options, std::unique_ptr<TableBuilder> builder)
    : options_(std::move(options)), builder_(std::move(builder)) {}

DpdkEngine::~DpdkEngine() {
  stop_workers();
  shared_.drain();
  workers_.clear();
  ports_.reset();
}

DpdkEngine::Eal::~Eal() {
  if (started) (void)rte_eal_cleanup();
}

absl::Status DpdkEngine::begin() {
  const EalOptions eal{options_.huge_pages, options_.memory_mib, options_.eal};
  if (absl::Status status = start_eal_unpinned(eal); !status.ok()) return status;
  eal_.started = true;
  auto memory = NodeMemory::alone({options_.workers, options_.sessions_per_worker, options_.rules},
                                  options_.huge_pages);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  memory_->start_clock(rte_rdtsc(), rte_get_tsc_hz());
  Ownership(*memory_).seize(slot_);
  if (absl::Status status = shared_.make_buffers(options_.buffers); !status.ok()) return status;
  ports_ = std::make_unique<LocalPorts>(options_.workers, shared_.buffers);
  if (absl::Status status = publish_nothing(); !status.ok()) return status;
  make_workers();
  run_in_threads();
  pin();
  return absl::OkStatus();
}

absl::StatusOr<Epoch> DpdkEngine::apply(std::string_view bytes) {
  v1::Update update;
  if (!update.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("the update is not an outrigger.engine.v1.Update");
  }
  std::vector<PortRequest> wanted = wanted_;
  if (update.has_structure()) {
    wanted = requests(update.structure());
    if (absl::Status status = check_mtu(wanted); !status.ok()) return status;
    if (absl::Status status = ports_->attach(wanted); !status.ok()) {
      ports_->restore(wanted_);
      return status;
    }
  }
  auto tables = builder_->build(bytes, next_epoch());
  if (!tables.ok()) {
    ports_->restore(wanted_);
    return tables.status();
  }
  wanted_ = std::move(wanted);
  if (update.has_structure()) {
    limits_ = std::make_shared<const Limits>(limits_of(update.structure(), options_.workers));
    limits_number_ = publications_ + 1;
  }
  publish(*tables);
  builder_->retire();
  ports_->prune(wanted_);
  return epoch_;
}

absl::StatusOr<Explanation> DpdkEngine::explain(std::span<const uint8_t> frame, PortId port,
                                                TunnelId tunnel) {
  const Tables& tables = *published_->tables;
  const Actions& actions = *tables.actions;
  if (port.value() >= actions.ports.size() || tunnel.value() >= std::max<size_t>(1, actions.tunnels.size())) {
    return absl::NotFoundError(absl::StrCat("no port ", port.value(), " or tunnel ", tunnel.value()));
  }
  const Vni vni = tunnel == kNoTunnel ? actions.ports[port.value()].vni : actions.tunnels[tunnel.value()].vni;
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

void DpdkEngine::tend() {
  const auto now = Neighbours::Clock::now();
  compare();
  hear_neighbours(now);
  learn_from_others();
  if (shared_.rank != nullptr) shared_.rank->take(active() ? Rank::kFirst : Rank::kOrdinary);
  if (!active()) return;
  be_active();
  announce(now);
  const Actions& actions = *published_->tables->actions;
  if (actions.uplink == kNoPort) return;
  neighbours_.ask(builder_->neighbours(), {actions.ports[actions.uplink.value()].mac, actions.underlay}, now,
                  [&](std::span<const uint8_t> frame) { send(frame, actions.uplink); });
}

void DpdkEngine::hear_neighbours(Neighbours::Clock::time_point now) {
  bool learnt = false;
  while (Letter* const letter = shared_.to_control.take()) {
    const auto answer = neighbours_.hear(letter->frame(), now);
    if (answer) {
      learnt |= builder_->learn(answer->address, answer->mac);
      if (active()) shared_neighbours_->write(answer->address, answer->mac);
    }
    shared_.to_control.give_back(letter);
  }
  if (learnt) republish();
}

// What the engine that has the queues found out, so that tunnels work at once when it is our turn.
void DpdkEngine::learn_from_others() {
  if (active()) return;
  bool learnt = false;
  shared_neighbours_->read(
      [&](const IpAddress& address, const MacAddress& mac) { learnt |= builder_->learn(address, mac); });
  if (learnt) republish();
}

void DpdkEngine::announce(Neighbours::Clock::time_point now) {
  if (now - announced_ < kAnnounceEvery) return;
  announced_ = now;
  const Tables& tables = *published_->tables;
  for (size_t port = 0; port < tables.actions->ports.size(); ++port) {
    const PortId id(static_cast<uint16_t>(port));
    std::array<uint8_t, kBufferRoom> frame;
    if (const size_t length = tables.announce(id, frame); length != 0) send({frame.data(), length}, id);
  }
}

// Empty tables, before the first worker looks.
absl::Status DpdkEngine::publish_nothing() {
  shared_.always_poll = options_.always_poll;
  shared_neighbours_.emplace(memory_->header().neighbours);
  if (absl::Status status = shared_.make(options_.workers); !status.ok()) return status;
  auto empty = builder_->build("", next_epoch());
  if (!empty.ok()) return empty.status();
  publish(*empty);
  builder_->retire();
  return absl::OkStatus();
}

void DpdkEngine::make_workers() {
  for (unsigned id = 0; id < options_.workers; ++id)
    workers_.push_back(std::make_unique<Worker>(id, slot_, *memory_, shared_));
}

void DpdkEngine::run_in_threads() {
  for (auto& worker : workers_) {
    threads_.emplace_back([&worker] {
      (void)rte_thread_register();  // an lcore id, so that the buffer pool's cache is used
      worker->run();
      rte_thread_unregister();
    });
  }
}

void DpdkEngine::stop_workers() {
  shared_.stop.store(true);
  for (unsigned id = 0; id < workers_.size(); ++id) wake_sleepers(memory_->word(id).owner);
  for (std::thread& thread : threads_) thread.join();
  for (const unsigned lcore : lcores_) {
    // A wake that comes just before the sleep is lost.
    while (rte_eal_get_lcore_state(lcore) == RUNNING) {
      for (unsigned id = 0; id < workers_.size(); ++id) wake_sleepers(memory_->word(id).owner);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    (void)rte_eal_wait_lcore(lcore);
  }
}

void DpdkEngine::pin() {
  for (size_t id = 0; id < threads_.size() && id < options_.worker_cpus.size(); ++id) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(options_.worker_cpus[id], &cpus);
    (void)pthread_setaffinity_np(threads_[id].native_handle(), sizeof cpus, &cpus);
  }
}

// One store; afterwards no worker uses what was published before.
void DpdkEngine::publish(const Tables* tables) {
  auto fresh = std::make_unique<Published>();
  fresh->number = ++publications_;
  fresh->tables = tables;
  fresh->limits = limits_;
  fresh->limits_number = limits_number_;
  describe(*ports_, wanted_, options_.workers, *fresh);
  shared_.published.store(fresh.get(), std::memory_order_release);
  rte_rcu_qsbr_synchronize(shared_.qsbr, RTE_QSBR_THRID_INVALID);
  published_ = std::move(fresh);
  epoch_ = tables->epoch;
  if (!active()) {  // sleeping workers prepare for it
    for (unsigned id = 0; id < workers_.size(); ++id) wake_sleepers(memory_->word(id).owner);
  }
  be_active();
}

void DpdkEngine::republish() {
  if (auto tables = builder_->rebuild(next_epoch()); tables.ok()) {
    publish(*tables);
    builder_->retire();
  }
}

void DpdkEngine::send(std::span<const uint8_t> frame, PortId port) {
  (void)shared_.from_control.put(frame, place(port, kNoTunnel));
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::start(const EngineOptions& options,
                                                      std::unique_ptr<TableBuilder> builder) {
  if (options.workers == 0 || options.workers > kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("workers: ", options.workers, ", must be 1 to ", kMaxWorkers));
  }
  auto engine = std::make_unique<DpdkEngine>(options, std::move(builder));
  if (absl::Status status = engine->begin(); !status.ok()) return status;
  return engine;
}

}  // namespace outrigger::engine
