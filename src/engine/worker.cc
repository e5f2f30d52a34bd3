#include "engine/worker.h"

#include <rte_cycles.h>

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace outrigger::engine {

namespace {

constexpr unsigned kAgedPerTurn = 16;
constexpr int kReadyTaps = 32;
constexpr long kShortestSleep = 20'000;    // ns
constexpr long kLongestSleep = 1'000'000;  // ns: the most a first packet after silence waits

// Its lines are in the other core's cache: its header, what was found out about it, and the packet's first
// bytes.
void prefetch_handed_over(rte_mbuf* packet) {
  const char* const note = reinterpret_cast<const char*>(hand_over_of(packet));
  __builtin_prefetch(packet, 1);
  __builtin_prefetch(note);
  __builtin_prefetch(note + 64);
  __builtin_prefetch(note + kBufferPrivate + RTE_PKTMBUF_HEADROOM, 1);
}

}  // namespace

Worker::Worker(unsigned id, unsigned slot, const NodeMemory& memory, Shared& shared)
    : id_(id),
      workers_(memory.header().sizes.workers),
      slot_(slot),
      shared_(shared),
      header_(memory.header()),
      word_(memory.word(id)),
      pulse_(word_),
      counters_(memory.counters(id)),
      rule_hits_(memory.rule_hits(id)),
      port_counters_(memory.ports(id)),
      samples_(memory.samples(id)),
      sessions_(memory.sessions(id), memory.header().sizes.sessions),
      transmit_(static_cast<uint16_t>(id), counters_, port_counters_, pulse_, shared),
      outboxes_(workers_) {}

bool Worker::turn() {
  refresh();
  bool busy = false;
  for (const PollSource& source : published_->polls[id_]) busy |= receive(source);
  busy |= receive_ready();
  if (workers_ > 1) {
    busy |= take_handed_over();
    for (unsigned to = 0; to < workers_; ++to) post(to);
  }
  busy |= send_for_control() || take_arrivals();
  if (busy) {
    transmit_.flush();
    counters_.busy_turns.add(1);
  }
  counters_.turns.add(1);
  sessions_.age(now_, kAgedPerTurn);
  return busy;
}

Tick Worker::time() const {
  return static_cast<Tick>((rte_rdtsc() - header_.start_cycles) / header_.cycles_per_tick);
}

// Many taps: only those with something are read.
bool Worker::receive_ready() {
  const TapWatch& watch = published_->watches[id_];
  if (watch.sources.size() < 2) return false;
  std::array<epoll_event, kReadyTaps> ready;
  const int count = epoll_wait(watch.epoll, ready.data(), kReadyTaps, 0);
  bool busy = false;
  for (int i = 0; i < count; ++i) busy |= receive(watch.sources[ready[i].data.u32]);
  return busy;
}

// What this turn goes by: the published tables, the time, the limits.
void Worker::size_for(const Published& published) {
  transmit_.use(published.outlets[id_]);
  answers_.resize(published.tables->actions->ports.size());
  errors_.resize(published.tables->actions->ports.size());
}

void Worker::refresh() {
  const Published* const published = shared_.published.load(std::memory_order_acquire);
  now_ = time();
  published_ = published;
  if (published->number == number_) [[likely]]
    return;
  number_ = published->number;
  tables_ = published->tables;
  actions_ = tables_->actions.get();
  ports_ = actions_->ports.data();
  tunnels_ = actions_->tunnels.data();
  rewrites_ = actions_->rewrites.data();
  epoch_ = tables_->epoch.value();
  last_outer_ = {};
  last_tunnel_ = kNoTunnel;
  size_for(*published);
  if (published->limits_number == limits_number_) return;
  limits_number_ = published->limits_number;
  const Limits& limits = *published->limits;
  strict_ = limits.sessions.strict_tcp_window;
  sessions_.set_limits(limits.sessions);
  for (const auto& [port, quota] : limits.quotas) sessions_.set_quota(port, quota);
}

// Whether a place found under an earlier publication is the same one now.  Ports and peers keep their
// numbers, tunnels do not.
bool Worker::still_there(const HandOver& with) const {
  const TunnelId tunnel = tunnel_of(with.from);
  if (port_of(with.from).value() >= actions_->ports.size()) return false;
  if (tunnel == kNoTunnel) return true;
  return tunnel.value() < actions_->tunnels.size() && tunnels_[tunnel.value()].peer == with.peer &&
         tunnels_[tunnel.value()].vni == with.info.key.vni();
}

// Positions that other workers found to be ours.  Already parsed, and checked where they arrived.
bool Worker::take_handed_over() {
  Burst& burst = burst_;
  bool busy = false;
  for (unsigned from = 0; from < workers_; ++from) {
    if (from == id_) continue;
    burst.count = static_cast<uint16_t>(rte_ring_sc_dequeue_burst(
        shared_.hand_over[from][id_], reinterpret_cast<void**>(burst.packets.data()), Burst::kSize, nullptr));
    if (burst.count == 0) continue;
    for (unsigned i = 0; i < burst.count; ++i) prefetch_handed_over(burst.packets[i]);
    busy = true;
    burst.fast_count = burst.slow_count = 0;
    for (unsigned i = 0; i < burst.count; ++i) {
      const HandOver* const with = hand_over_of(burst.packets[i]);
      burst.info[i] = with->info;
      burst.from[i] = with->from;
      if (with->number != number_ && !still_there(*with)) [[unlikely]] {
        drop(burst.packets[i], Drop::kSessionWrongPort);
        continue;
      }
      if (burst.info[i].kind == packet::Kind::kFlow) {
        sessions_.prefetch_bucket(burst.info[i].hash);
        burst.fast[burst.fast_count++] = static_cast<uint8_t>(i);
      } else {
        burst.slow[burst.slow_count++] = static_cast<uint8_t>(i);
      }
    }
    process(burst);
  }
  return busy;
}

bool Worker::send_for_control() {
  if (id_ != 0) return false;
  Letter* const letter = shared_.from_control.take();
  if (letter == nullptr) return false;
  if (rte_mbuf* const packet = packet_of(*letter)) transmit_.add(port_of(letter->from), packet);
  shared_.from_control.give_back(letter);
  return true;
}

// Frames that the control thread lets arrive at probe ports, and our own echo replies there.
bool Worker::take_arrivals() {
  LetterBox& box = *shared_.arrivals[id_];
  Letter* const letter = box.take();
  if (letter == nullptr) return false;
  const PortId port = port_of(letter->from);
  rte_mbuf* const packet = packet_of(*letter);
  box.give_back(letter);
  if (packet == nullptr) return true;
  if (port.value() >= actions_->ports.size()) {
    drop(packet, Drop::kPortUnbound);
    return true;
  }
  port_counters_[port.value() % kCountedPorts].rx_packets.add(1);
  burst_.count = 1;
  burst_.packets[0] = packet;
  arrive(burst_, port);
  return true;
}

rte_mbuf* Worker::packet_of(const Letter& letter) {
  rte_mbuf* const packet = letter.packet(shared_.buffers);
  if (packet == nullptr) counters_.drops[static_cast<size_t>(Drop::kBuffersExhausted)].add(1);
  return packet;
}

// Not at once, and longer the longer nothing comes; but soon and as long as may be where any packet ends it:
// with taps only, and no other worker whose ring wakes nobody.  Offline meanwhile, so that a publication does
// not wait for a sleeper.
void Worker::rest(unsigned idle_turns) {
  const TapWatch& watch = published_->watches[id_];
  const bool taps_only =
      watch.epoll >= 0 && (watch.sources.size() > 1 ? 0u : 1u) == published_->polls[id_].size();
  const bool woken = taps_only && workers_ == 1;
  if (!woken && idle_turns < kIdleTurns) return;
  timespec pause{0, kLongestSleep};
  if (!woken)
    pause.tv_nsec = std::min(kLongestSleep, kShortestSleep << std::min(6u, (idle_turns - kIdleTurns) / 16));
  const int epoll = watch.epoll;
  counters_.sleeps.add(1);
  beat(Doing::kResting);
  rte_rcu_qsbr_thread_offline(shared_.qsbr, id_);
  epoll_event event{};
  const int ready = epoll < 0 ? -1 : epoll_pwait2(epoll, &event, 1, &pause, nullptr);
  if (ready < 0 || (event.events & (EPOLLERR | EPOLLHUP)) != 0) (void)nanosleep(&pause, nullptr);
  rte_rcu_qsbr_thread_online(shared_.qsbr, id_);
  beat(Doing::kTurning);
}

void Worker::drop(rte_mbuf* packet, Drop why) {
  counters_.drops[static_cast<size_t>(why)].add(1);
  rte_pktmbuf_free(packet);
}

}  // namespace outrigger::engine
