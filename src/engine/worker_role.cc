// Having the queues or not: how a worker starts, stops, and passes its queues to another engine's worker.
//
// The order of letting go is what keeps packets and their order: first every worker of this engine stops
// taking packets from devices, then each empties the rings the others filled for it, then it gives the word.
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/program.h"
#include "engine/worker.h"

namespace outrigger::engine {

void Worker::run() {
  take_rank(Rank::kFirst);
  (void)rte_rcu_qsbr_thread_register(shared_.qsbr, id_);
  while (!shared_.stop.load(std::memory_order_acquire)) {
    const uint32_t owner = word_.owner.load(std::memory_order_acquire);
    if (owner != slot_) {
      prepare();
      sleep_while(word_.owner, owner);
      continue;
    }
    rte_rcu_qsbr_thread_online(shared_.qsbr, id_);
    take_over();
    serve();
    if (asked_to_leave()) let_go();
    rte_rcu_qsbr_thread_offline(shared_.qsbr, id_);
  }
  give_up_packets();
  (void)rte_rcu_qsbr_thread_unregister(shared_.qsbr, id_);
  take_rank(Rank::kLast);  // its end is work too, and another has the queues
}

// What grows with the number of ports grows now, page by page, and not in the first turn of a takeover.
void Worker::prepare() {
  rte_rcu_qsbr_thread_online(shared_.qsbr, id_);
  size_for(*shared_.published.load(std::memory_order_acquire));
  rte_rcu_qsbr_thread_offline(shared_.qsbr, id_);
}

void Worker::serve() {
  unsigned idle = 0;
  while (!shared_.stop.load(std::memory_order_relaxed) && !asked_to_leave()) {
    idle = turn() ? 0 : idle + 1;
    pulse_.beat();
    if (idle >= kIdleTurnsOfTaps && !shared_.always_poll) rest(idle);
    let_publication_go();
  }
}

// It may be gone from here to the next refresh().
void Worker::let_publication_go() {
  published_ = nullptr;
  rte_rcu_qsbr_quiescent(shared_.qsbr, id_);
}

// Whatever the one before left behind: half a change, decisions of its own, limits of its own.
void Worker::take_over() {
  pulse_.resume();
  word_.thread.store(static_cast<uint32_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
  shared_.phases[id_].store(static_cast<uint8_t>(Phase::kServing), std::memory_order_seq_cst);
  beat(Doing::kTurning);
  own_since_ = header_.epoch.load(std::memory_order_acquire);
  sessions_.adopt();
  if (sessions_.torn()) sessions_.repair(time(), [this] { beat(Doing::kTurning); });
  number_ = limits_number_ = 0;
  if (shared_.rank != nullptr) shared_.rank->take(Rank::kFirst);
}

void Worker::let_go() {
  beat(Doing::kLeaving);
  for (unsigned to = 0; to < workers_; ++to) post(to);
  shared_.phases[id_].store(static_cast<uint8_t>(Phase::kLeaving), std::memory_order_seq_cst);
  wait_for_the_others();
  if (shared_.stop.load(std::memory_order_relaxed)) return;
  refresh();
  while (workers_ > 1 && take_handed_over()) {
  }
  give_up_packets();
  shared_.phases[id_].store(static_cast<uint8_t>(Phase::kAbsent), std::memory_order_seq_cst);
  word_.thread.store(0, std::memory_order_relaxed);
  word_.doing.store(static_cast<uint32_t>(Doing::kNothing), std::memory_order_relaxed);
  word_.owner.store(word_.wanted.load(std::memory_order_relaxed), std::memory_order_release);
  wake_sleepers(word_.owner);
  if (shared_.rank != nullptr) shared_.rank->take(Rank::kOrdinary);
}

// Until none of them can hand us anything any more.  One that hangs keeps us here, beating: it is found by
// its silence.
void Worker::wait_for_the_others() {
  for (unsigned other = 0; other < workers_; ++other) {
    while (shared_.phases[other].load(std::memory_order_seq_cst) == static_cast<uint8_t>(Phase::kServing) &&
           !shared_.stop.load(std::memory_order_relaxed)) {
      pulse_.beat();
      let_publication_go();
      (void)sched_yield();
    }
  }
}

// What is on its way out goes out, and the buffers cached for this thread go back to all.
void Worker::give_up_packets() {
  if (published_ != nullptr && number_ != 0) transmit_.flush();
  for (Outbox& box : outboxes_) {
    rte_pktmbuf_free_bulk(box.packets.data(), box.count);
    box.count = 0;
  }
  rte_mempool_cache* const cache = rte_mempool_default_cache(shared_.buffers, rte_lcore_id());
  if (cache != nullptr) rte_mempool_cache_flush(cache, shared_.buffers);
}

void Worker::beat(Doing doing) {
  pulse_.beat();
  word_.doing.store(static_cast<uint32_t>(doing), std::memory_order_relaxed);
}

}  // namespace outrigger::engine
