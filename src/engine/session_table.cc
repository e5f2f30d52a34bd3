#include "engine/session_table.h"

#include <algorithm>
#include <new>

#include "engine/session_layout.h"

namespace outrigger::engine {
namespace {

constexpr size_t round_up(size_t bytes) { return (bytes + 63) & ~size_t{63}; }
constexpr size_t kHeaderBytes = round_up(sizeof(SessionHeader));
// Session::list has 15 bits for a second; half of them tell past from future.
constexpr Tick kLongestEmbryonic = 16000 * kTicksPerSecond;

bool disposable(SessionState state) {
  switch (state) {
    case SessionState::kDenied:
    case SessionState::kNew:
    case SessionState::kSynSent:
    case SessionState::kSynReceived:
    case SessionState::kClosing:
    case SessionState::kTimeWait:
    case SessionState::kReset:
      return true;
    default:
      return false;
  }
}

// The entry is being written from here: a reader that meets an odd version leaves it alone.
void open_version(Session& entry) {
  entry.version |= 1;
  std::atomic_thread_fence(std::memory_order_release);
}
void close_version(Session& entry) {
  std::atomic_thread_fence(std::memory_order_release);
  ++entry.version;
}

}  // namespace

size_t SessionTable::bytes_needed(uint32_t capacity) {
  return kHeaderBytes + sizeof(Bucket) * size_t{SessionBuckets::count_for(capacity)} +
         sizeof(Session) * size_t{capacity};
}

SessionTable::SessionTable(std::span<std::byte> memory, uint32_t capacity) {
  if (capacity == 0 || capacity == kNoSession || memory.size() < bytes_needed(capacity)) return;
  header_ = std::launder(reinterpret_cast<SessionHeader*>(memory.data()));
  const uint32_t buckets = SessionBuckets::count_for(capacity);
  if (header_->magic == 0) initialise(capacity);
  if (header_->magic != kSessionMagic || header_->layout != kSessionLayout || header_->capacity != capacity ||
      header_->buckets != buckets) {
    header_ = nullptr;
    return;
  }
  next_due_ = &header_->next_due;
  index_ = SessionBuckets(reinterpret_cast<Bucket*>(memory.data() + kHeaderBytes), buckets);
  entries_ = reinterpret_cast<Session*>(memory.data() + kHeaderBytes + sizeof(Bucket) * size_t{buckets});
}

void SessionTable::initialise(uint32_t capacity) {
  new (header_) SessionHeader;
  header_->layout = kSessionLayout;
  header_->capacity = capacity;
  header_->buckets = SessionBuckets::count_for(capacity);
  std::atomic_thread_fence(std::memory_order_release);
  header_->magic = kSessionMagic;  // last: a crash before leaves memory that is initialised again
}

void SessionTable::set_limits(const SessionLimits& limits) {
  header_->limits = limits;
  header_->limits.embryonic = std::min(limits.embryonic, kLongestEmbryonic);
  header_->queue_due = header_->next_due = 0;
}

void SessionTable::set_quota(PortId port, uint32_t sessions) {
  header_->quotas[port.value()].limit = sessions;
}

bool SessionTable::admit(PortId charged) {
  if (charged == kNoPort) return true;
  const SessionHeader::Quota& quota = header_->quotas[charged.value()];
  const uint32_t limit = quota.limit != 0 ? quota.limit : header_->limits.default_quota;
  if (limit == 0 || quota.used < limit) [[likely]]
    return true;
  header_->refused_quota.add(1);
  return false;
}

// An entry that belongs to nobody, at the price of the oldest disposable one when it must be.
SessionIndex SessionTable::take() {
  if (header_->free == kNoSession) {
    const uint32_t fresh = header_->fresh.get();
    if (fresh < header_->capacity) {
      if (fresh + 2 < header_->capacity) prefetch_entry(fresh + 2);
      header_->fresh.set(fresh + 1);
      return fresh;
    }
    if (header_->queue.head == kNoSession) return kNoSession;
    evict(header_->queue.head);
  }
  const SessionIndex index = header_->free;
  header_->free = entries_[index].next;
  if (header_->free != kNoSession) prefetch_entry(header_->free);
  return index;
}

void SessionTable::give(SessionIndex index) {
  entries_[index].list = kListFree;
  entries_[index].next = header_->free;
  header_->free = index;
}

// Both buckets of a hash are full: another entry moves over, else a disposable one goes.
bool SessionTable::squeeze_in(uint32_t hash, SessionIndex index) {
  const auto hash_of = [&](SessionIndex other) { return packet::hash(entries_[other].key); };
  return (index_.move_one(hash, hash_of) || make_room(hash)) && index_.insert(hash, index);
}

SessionIndex SessionTable::insert(const packet::FlowKey& key, uint32_t hash, PortId charged, Tick now,
                                  Drop* why) {
  const Changing changing(*header_);
  if (!admit(charged)) {
    *why = Drop::kSessionQuota;
    return kNoSession;
  }
  *why = Drop::kSessionTableFull;
  const SessionIndex index = take();
  if (index == kNoSession) {
    header_->refused_full.add(1);
    return kNoSession;
  }
  if (!index_.insert(hash, index) && !squeeze_in(hash, index)) [[unlikely]] {
    give(index);
    header_->refused_index.add(1);
    return kNoSession;
  }
  *why = Drop::kNone;

  Session& entry = entries_[index];
  open_version(entry);
  Session blank;
  blank.key = key;
  blank.last_seen = now;
  blank.charged = charged.value();
  blank.list = kListUnsettled;
  blank.state = SessionState::kWriting;
  blank.version = entry.version;
  entry = blank;

  if (charged != kNoPort) ++header_->quotas[charged.value()].used;
  ++header_->unsettled;
  header_->used.add(1);
  if (header_->used.get() > header_->high_water.get()) header_->high_water.set(header_->used.get());
  return index;
}

// Both buckets of `hash` are full: the oldest disposable session in them goes.  Otherwise twenty sessions
// whose hashes were made to collide could keep out everyone else's.
bool SessionTable::make_room(uint32_t hash) {
  SessionIndex oldest = kNoSession;
  for (const uint32_t number : {index_.first(hash), index_.second(hash)}) {
    for (const SessionIndex index : index_.at(number).entries) {
      if ((entries_[index].list & kListQueue) == 0) continue;
      if (oldest == kNoSession || entries_[index].last_seen < entries_[oldest].last_seen) oldest = index;
    }
  }
  if (oldest == kNoSession) return false;
  evict(oldest);
  return true;
}

void SessionTable::evict(SessionIndex index) {
  release(index);
  header_->evicted.add(1);
}

void SessionTable::settle(SessionIndex index, Tick now) {
  Session& entry = entries_[index];
  if (entry.state == SessionState::kWriting || entry.list == kListFree) return;
  const Changing changing(*header_);
  if (entry.list == kListUnsettled) {
    --header_->unsettled;
    close_version(entry);
  }
  place(index, now);
}

void SessionTable::place(SessionIndex index, Tick now) {
  const Session& entry = entries_[index];
  if (!disposable(entry.state)) {
    leave(index);
    arm(index, uint64_t{now} + timeout(header_->limits, entry), now);
  } else if ((entry.list & kListQueue) == 0) {
    leave(index);
    enqueue(index, now);
  }
}

void SessionTable::erase(SessionIndex index) {
  if (entries_[index].list == kListFree) return;
  const Changing changing(*header_);
  release(index);
}

void SessionTable::release(SessionIndex index) {
  Session& entry = entries_[index];
  if (entry.list == kListUnsettled) --header_->unsettled;
  leave(index);
  index_.remove(packet::hash(entry.key), index);
  if (entry.charged != kNoPort.value()) --header_->quotas[entry.charged].used;
  open_version(entry);
  entry.state = SessionState::kFree;
  entry.key = {};  // a candidate found before must not be confirmed now
  close_version(entry);
  give(index);
  header_->used.add(-1u);
}

uint32_t SessionTable::used() const { return header_->used.get(); }

SessionCounts SessionTable::counts() const {
  return {header_->evicted.get(), header_->expired.get(), header_->refused_quota.get()};
}

std::vector<Capacity> SessionTable::capacity() const {
  const uint64_t used = header_->used.get();
  const uint64_t high_water = header_->high_water.get();
  return {
      {"sessions", header_->capacity, used, high_water, header_->refused_full.get(),
       uint64_t{header_->capacity} * sizeof(Session)},
      {"session index", uint64_t{index_.count()} * Bucket::kSlots, used, high_water,
       header_->refused_index.get(), uint64_t{index_.count()} * sizeof(Bucket)},
  };
}

}  // namespace outrigger::engine
