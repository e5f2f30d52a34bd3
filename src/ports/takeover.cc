#include "ports/takeover.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "ports/thread_state.h"

namespace outrigger::ports {

namespace {

using engine::Ownership;
using engine::v1::PortsEvent;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kLetGoWithin = milliseconds(50);  // of a planned swap; a turn takes microseconds
constexpr int kDeathMs = 2000;                   // a killed process with gigabytes mapped

double milliseconds_since(SteadyTime then) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - then).count();
}

// To take over at once: not about to die, and not stopped.
bool is_fit(const Member& engine) {
  pollfd death{engine.process->get(), POLLIN, 0};
  if (::poll(&death, 1, 0) != 0) return false;
  const auto state = thread_state(engine.pid, static_cast<uint32_t>(engine.pid), false);
  return state && state->letter != 'T' && state->letter != 't';
}

}  // namespace

std::string kept_name(const Member& engine) {
  return absl::StrCat("engine ", engine.slot, " ", engine.pid, " ", engine.version, " ", engine.instance);
}

void Takeover::use(const engine::NodeMemory& memory) {
  const std::lock_guard lock(mutex_);
  memory_ = &memory;
}

bool Takeover::owns_any(uint32_t slot) const {
  for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
    if (memory_->word(worker).owner.load() == slot) return true;
  }
  return false;
}

uint32_t Takeover::owner_besides(uint32_t slot) const {
  for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
    const uint32_t owner = memory_->word(worker).owner.load();
    if (owner != slot && owner != engine::kNobody && roster_.find(owner)) return owner;
  }
  return engine::kNobody;
}

// The same process, not another one in a slot that it had.
bool Takeover::here(const Member& engine) const {
  const auto known = roster_.find(engine.slot);
  return known && known->process == engine.process;
}

// What no living engine has, at once; what one has, it is asked for: two may never poll the same queue.
void Takeover::hand_to(uint32_t slot) const {
  const Ownership ownership(*memory_);
  for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
    const uint32_t owner = memory_->word(worker).owner.load();
    if (owner != slot && owner != engine::kNobody && roster_.find(owner)) {
      ownership.ask(worker, slot);
    } else {
      ownership.seize(worker, slot);
    }
  }
}

void Takeover::vacate(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
    if (memory_->word(worker).owner.load() == slot) Ownership(*memory_).seize(worker, engine::kNobody);
  }
}

void Takeover::ready(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  roster_.set_ready(slot);
  const auto engine = roster_.find(slot);
  if (memory_ == nullptr || !engine) return;
  const uint32_t owner = Ownership(*memory_).owner();
  if (owner != engine::kNobody && roster_.find(owner)) return;
  hand_to(slot);
  tell(PortsEvent::TAKEN_OVER, *engine, 0, "nobody had the queues");
}

absl::StatusOr<engine::v1::SwapReply> Takeover::swap(uint32_t to) {
  const std::lock_guard lock(mutex_);
  const auto heir = roster_.find(to);
  if (memory_ == nullptr || !heir || heir->foreign)
    return absl::NotFoundError(absl::StrCat("no engine is attached in slot ", to));
  if (!heir->ready) {
    return absl::FailedPreconditionError(
        absl::StrCat("engine ", heir->version, " (slot ", to, ") has not asked for ports yet"));
  }
  const Ownership ownership(*memory_);
  const uint32_t from = ownership.done(to) ? to : owner_besides(to);
  engine::v1::SwapReply reply;
  reply.set_from_slot(from);
  if (from == to) return reply;
  const auto start = steady_clock::now();
  ownership.ask(to);
  if (!ownership.wait_for(to, kLetGoWithin)) {
    const auto hung = roster_.find(from);
    if (hung) {
      tell(PortsEvent::STALLED, *hung, milliseconds_since(start), "did not let go of its queues");
      if (!kill(*hung)) return absl::DeadlineExceededError("the active engine cannot be ended");
      forget(*hung);
      // Workers that went over already may hold buffers: then those of the dead stay lost until the next
      // repair.
      if (!owns_any(to) && !hung->foreign) (void)repair_();
    }
    ownership.seize(to);
  }
  reply.set_nanoseconds(static_cast<uint64_t>((steady_clock::now() - start).count()));
  tell(PortsEvent::SWAPPED, *heir, milliseconds_since(start), absl::StrCat("from slot ", from));
  return reply;
}

void Takeover::stalled(const Member& engine, double milliseconds) {
  const std::lock_guard lock(mutex_);
  if (!here(engine) || !owns_any(engine.slot)) return;
  const auto noticed = steady_clock::now();
  tell(PortsEvent::STALLED, engine, milliseconds);
  if (kill(engine)) succeed(engine, noticed);
}

void Takeover::ended(const Member& engine, double milliseconds) {
  const std::lock_guard lock(mutex_);
  if (!here(engine)) return;
  const bool active = memory_ != nullptr && owns_any(engine.slot);
  tell(active ? PortsEvent::CRASHED : PortsEvent::GONE, engine, milliseconds);
  if (active) return succeed(engine, steady_clock::now());
  forget(engine);
}

// Only once `dead` is known to be.
void Takeover::succeed(const Member& dead, SteadyTime noticed) {
  forget(dead);
  uint64_t recovered = 0;
  if (!dead.foreign) recovered = repair_();
  const auto heir = roster_.heir(dead.slot, is_fit);
  if (heir) {
    hand_to(heir->slot);
    tell(PortsEvent::TAKEN_OVER, *heir, milliseconds_since(noticed), absl::StrCat("from slot ", dead.slot));
  } else {
    for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
      if (memory_->word(worker).owner.load() == dead.slot) Ownership(*memory_).seize(worker, engine::kNobody);
    }
    tell(PortsEvent::ORPHANED, dead);
  }
  PortsEvent repaired;
  repaired.set_kind(PortsEvent::REPAIRED);
  repaired.set_count(recovered);
  if (!dead.foreign) events_.tell(std::move(repaired));
}

void Takeover::forget(const Member& engine) {
  roster_.remove(engine.slot);
  if (memory_ != nullptr) memory_->header().sampling.fetch_and(~(1u << engine.slot));
  PortsEvent release;
  release.set_kind(PortsEvent::RELEASE);
  release.set_subject(kept_name(engine));
  events_.tell(std::move(release));
}

bool Takeover::kill(const Member& engine) const {
  (void)::syscall(SYS_pidfd_send_signal, engine.process->get(), SIGKILL, nullptr, 0);
  pollfd death{engine.process->get(), POLLIN, 0};
  return ::poll(&death, 1, kDeathMs) == 1;
}

void Takeover::tell(PortsEvent::Kind kind, const Member& engine, double milliseconds,
                    const std::string& detail) {
  PortsEvent event;
  event.set_kind(kind);
  event.set_slot(engine.slot);
  event.set_version(engine.version);
  event.set_pid(engine.pid);
  event.set_subject(engine.instance);
  event.set_milliseconds(milliseconds);
  event.set_detail(detail);
  events_.tell(std::move(event));
}

}  // namespace outrigger::ports
