// An engine beside others: attached to the ports process, standing by until the queues are its own.
#include <pthread.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/machine_memory.h"
#include "engine/dpdk_engine.h"
#include "engine/eal.h"

namespace outrigger::engine {

namespace {

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace

absl::Status DpdkEngine::join(Attachment attachment) {
  auto memory = NodeMemory::map(std::exchange(attachment.memory_fd, -1));
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  slot_ = attachment.slot;
  const WorkerSizes& sizes = memory_->header().sizes;
  options_.workers = sizes.workers;
  options_.sessions_per_worker = sizes.sessions;
  options_.rules = sizes.rules;
  if (slot_ >= kSlots) return absl::InvalidArgumentError(absl::StrCat("slot ", slot_, " of ", kSlots));
  if (!attachment.eal.empty()) {
    if (absl::Status status = start_eal(std::move(attachment.eal)); !status.ok()) return status;
    // And is left as it is at the end: DPDK's clean-up wants the lock of all its memory, which an engine
    // killed in its start may hold for ever; whoever waits for it there shuts out every later start.
  }
  shared_.buffers = rte_mempool_lookup(attachment.pool.c_str());
  if (shared_.buffers == nullptr) {
    return absl::NotFoundError(absl::StrCat("no packet buffers named \"", attachment.pool, "\""));
  }
  options_.buffers = shared_.buffers->size;
  ports_ = std::move(attachment.ports);
  shared_.rank = std::move(attachment.rank);
  if (absl::Status status = publish_nothing(); !status.ok()) return status;
  make_workers();
  absl::Status status = run_on_lcores();
  touch_own_memory();  // not in the first turn after a takeover, which everybody waits for
  return status;
}

absl::Status DpdkEngine::run_on_lcores() {
  for (unsigned id = 0; id < options_.workers; ++id) {
    const unsigned lcore = lcore_of(slot_, id);
    if (const int error = rte_eal_remote_launch(run_worker, workers_[id].get(), lcore); error != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("worker ", id, " has no lcore ", lcore, ": ", rte_strerror(-error)));
    }
    lcores_.push_back(lcore);
  }
  return absl::OkStatus();
}

bool DpdkEngine::active() const { return memory_->word(0).owner.load(std::memory_order_acquire) == slot_; }

Role DpdkEngine::role() {
  const Ownership ownership(*memory_);
  if (!ownership.done(slot_)) {
    if (active()) return Role::kLeaving;
    return shadow_ ? Role::kShadow : Role::kStandby;
  }
  return memory_->word(0).wanted.load(std::memory_order_acquire) == slot_ ? Role::kActive : Role::kLeaving;
}

// Every publication of every engine of the node has a number of its own: a session that bears ours was
// decided by us, with these tables.
Epoch DpdkEngine::next_epoch() {
  return Epoch(memory_->header().epoch.fetch_add(1, std::memory_order_acq_rel) + 1);
}

// Tells shadows which sessions are up to date.
void DpdkEngine::be_active() {
  if (!active()) return;
  NodeMemoryHeader& header = memory_->header();
  header.generation.store(published_->tables->generation.value(), std::memory_order_relaxed);
  header.in_force.store(epoch_.value(), std::memory_order_release);
}

absl::Status DpdkEngine::shadow(bool on) {
  if (on && active()) {
    return absl::FailedPreconditionError("the engine that has the queues is no shadow of itself");
  }
  if (on && !shadow_) {
    last_report_ = {};
    shadow_.emplace(*memory_, slot_);
  }
  if (!on && shadow_) {
    last_report_ = shadow_->report();
    shadow_.reset();
  }
  return absl::OkStatus();
}

ShadowReport DpdkEngine::shadow_report() {
  compare();
  return shadow_ ? shadow_->report() : last_report_;
}

// Until it has the queues itself.
void DpdkEngine::compare() {
  if (!shadow_) return;
  if (active()) {
    (void)shadow(false);
  } else {
    shadow_->look(*published_->tables);
  }
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::attach(const EngineOptions& options,
                                                       std::unique_ptr<TableBuilder> builder,
                                                       Attachment attachment) {
  auto engine = std::make_unique<DpdkEngine>(options, std::move(builder));
  if (absl::Status status = engine->join(std::move(attachment)); !status.ok()) return status;
  return engine;
}

}  // namespace outrigger::engine
