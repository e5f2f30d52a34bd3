// Time in the session table: the disposable queue, the wheel, and what is fetched ahead of an eviction.
#include "engine/session_layout.h"
#include "engine/session_table.h"

namespace outrigger::engine {
namespace {

constexpr uint16_t kSeconds = 0x7fff;  // the part of Session::list that is a time

// Rounded up, so that an entry never looks older than it is.
uint16_t second_entered(Tick now) {
  return static_cast<uint16_t>((uint64_t{now} + kTicksPerSecond - 1) / kTicksPerSecond) & kSeconds;
}

uint32_t seconds_queued(uint16_t list, Tick now) {
  const uint32_t seconds = (now / kTicksPerSecond - (list & kSeconds)) & kSeconds;
  return seconds == kSeconds ? 0 : seconds;  // entered within this second
}

Tick clamp(uint64_t when) { return static_cast<Tick>(std::min<uint64_t>(when, TimerWheel::kNever)); }

}  // namespace

// Takes the entry out of the list it stands in, if any.
void SessionTable::leave(SessionIndex index) {
  const uint16_t list = entries_[index].list;
  if (list >= kListQueue) {
    if (index == header_->queue.head) look_ahead();
    if (index == scout_) scout_ = kNoSession;
    unlink(header_->queue, entries_, index);
  } else if (list >= kListWheel) {
    header_->wheel.disarm(entries_, index);
  }
  entries_[index].list = kListUnsettled;
}

void SessionTable::enqueue(SessionIndex index, Tick now) {
  if (header_->queue.head == kNoSession) {
    header_->queue_due = clamp(uint64_t{now} + header_->limits.embryonic);
    header_->next_due = std::min(header_->next_due, header_->queue_due);
  }
  entries_[index].list = kListQueue | second_entered(now);
  push_back(header_->queue, entries_, index);
}

void SessionTable::arm(SessionIndex index, uint64_t when, Tick now) {
  header_->wheel.arm(entries_, index, when, now);
  header_->next_due = std::min(header_->next_due, header_->wheel.due());
}

void SessionTable::age_due(Tick now, unsigned budget) {
  const Changing changing(*header_);
  budget -= (budget + 1) / 2 - age_queue(now, (budget + 1) / 2);
  header_->wheel.turn(entries_, now, budget, [&](SessionIndex index) -> uint64_t {
    const uint64_t due = uint64_t{entries_[index].last_seen} + timeout(header_->limits, entries_[index]);
    if (due > now) return due;
    release(index);
    header_->expired.add(1);
    return 0;
  });
  header_->next_due = std::min(header_->queue_due, header_->wheel.due());
}

// The head goes when it has been silent long enough; when it is not silent, to the tail, so that it does not
// stand before others that are.  Returns how much of the budget was left.
unsigned SessionTable::age_queue(Tick now, unsigned budget) {
  if (now < header_->queue_due) return budget;
  const Tick limit = header_->limits.embryonic;
  const uint32_t patience = (limit + kTicksPerSecond - 1) / kTicksPerSecond;
  for (; budget != 0; --budget) {
    const SessionIndex head = header_->queue.head;
    if (head == kNoSession) {
      header_->queue_due = TimerWheel::kNever;
      return budget;
    }
    const Session& entry = entries_[head];
    const uint64_t due = uint64_t{entry.last_seen} + limit;
    const uint32_t queued = seconds_queued(entry.list, now);
    if (due <= now) {
      release(head);
      header_->expired.add(1);
    } else if (queued >= patience && entry.next != kNoSession) {
      leave(head);
      enqueue(head, now);
    } else {
      const uint64_t turn =
          (uint64_t{now / kTicksPerSecond} + patience - std::min(queued, patience)) * kTicksPerSecond;
      header_->queue_due = clamp(queued >= patience ? due : std::min(due, turn));
      return budget;
    }
  }
  header_->queue_due = now;
  return 0;
}

// The head is leaving.  Keeps kAhead entries behind it on their way to the cache: an entry's lines when it is
// scouted, its bucket half the distance later, when its key has arrived.
void SessionTable::look_ahead() {
  if (scout_ == kNoSession) {
    scout_ = header_->queue.head;
    lead_ = 0;
  } else if (lead_ != 0) {
    --lead_;
  }
  for (unsigned steps = 0; steps < 2 && lead_ < kAhead; ++steps) scout();
}

void SessionTable::scout() {
  const SessionIndex next = entries_[scout_].next;
  if (next == kNoSession) return;
  prefetch_entry(next);
  const SessionIndex arrived = victims_[(scouted_ + kAhead / 2) % kAhead];
  index_.prefetch(packet::hash(entries_[arrived].key));
  victims_[scouted_++ % kAhead] = next;
  scout_ = next;
  ++lead_;
}

}  // namespace outrigger::engine
