// One worker's sessions: a 64-byte-bucket index over a preallocated slab of 128-byte entries, with its timers
// and quotas.  All of it lives in one span of memory and refers to itself by index only, so it can be shared
// between processes and survives the one that wrote it.
//
// Theory of operation.  A bucket holds (tag, entry number) pairs for keys that hash to it; a full bucket
// overflows into a second one given by the same hash.  Lookup is split so that a burst can overlap its cache
// misses: prefetch_bucket, candidate, confirm.  Sessions that may be lost (not yet answered, denied, closing)
// stand in one queue, oldest first: it is their timer and, when the table is full, the order of eviction.
// Established ones stand in a timer wheel and are re-armed lazily from last_seen. Thread-safety: one writer,
// its worker.  Others may read entries; they must expect a torn one (see copy()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "base/capacity.h"
#include "engine/session.h"
#include "engine/session_index.h"

namespace outrigger::engine {

struct SessionLimits {
  Tick embryonic = 30 * kTicksPerSecond;      // unanswered, denied, closing: the disposable queue
  Tick established = 7200 * kTicksPerSecond;  // TCP
  Tick half_closed = 120 * kTicksPerSecond;
  Tick udp = 180 * kTicksPerSecond;  // answered UDP, SCTP, other
  Tick icmp = 30 * kTicksPerSecond;
  uint32_t default_quota = 0;  // sessions per port, 0: no limit
  bool strict_tcp_window = false;
};

struct SessionHeader;

struct SessionCounts {
  uint64_t evicted = 0;  // to make room
  uint64_t expired = 0;  // by age
  uint64_t refused_quota = 0;
};

class SessionTable {
 public:
  // Bytes for `capacity` sessions: 128 each, at most 16 of index, and a fixed part (half a MiB, mostly
  // quotas).
  static size_t bytes_needed(uint32_t capacity);
  // `memory` is 64-byte aligned and at least bytes_needed(capacity).  Zeroed memory becomes an empty table;
  // that of a table with the same layout and capacity is attached to; anything else is left alone, and
  // usable() says no. `now` everywhere must come from one clock that outlives the writer.
  SessionTable(std::span<std::byte> memory, uint32_t capacity);
  [[nodiscard]] bool usable() const { return header_ != nullptr; }

  // Whether the last writer died in the middle of a change.  The next one then calls repair(), once, before
  // anything else: rebuilds index, lists and counts from the entries, and gives up those half written.  Never
  // call either while another writer lives.
  [[nodiscard]] bool torn() const;
  // `alive` is called every now and then.
  void repair(Tick now, const std::function<void()>& alive = {});

  // Another writer has had the table meanwhile: forgets what this one thought it knew.
  void adopt() {
    scout_ = kNoSession;
    lead_ = 0;
  }

  void set_limits(const SessionLimits& limits);    // sessions already armed keep their time
  void set_quota(PortId port, uint32_t sessions);  // 0: the default

  // Lookup, in three steps a burst apart.  A table changed between the steps is looked up as it is at
  // confirm().
  void prefetch_bucket(uint32_t hash) const { index_.prefetch(hash); }
  // First tag match, its entry prefetched; or kNoSession.
  [[nodiscard]] SessionIndex candidate(uint32_t hash) const {
    const SessionIndex index = index_.candidate(hash);
    if (index != kNoSession) prefetch_entry(index);
    return index;
  }
  [[nodiscard]] SessionIndex confirm(SessionIndex candidate, const packet::FlowKey& key,
                                     uint32_t hash) const {
    if (candidate == kNoSession) return kNoSession;
    if (same(entries_[candidate].key, key)) [[likely]]
      return candidate;
    return find(key, hash);
  }
  // `hash` is packet::hash(key), here and in insert().
  [[nodiscard]] SessionIndex find(const packet::FlowKey& key, uint32_t hash) const {
    return index_.find(hash, [&](SessionIndex index) { return same(entries_[index].key, key); });
  }

  [[nodiscard]] Session& at(SessionIndex index) { return entries_[index]; }
  [[nodiscard]] const Session& at(SessionIndex index) const { return entries_[index]; }

  // A new entry with its key written, last_seen now and state kWriting, charged to `charged` (kNoPort:
  // nobody); the rest is as in Session{}.  The key must not be in the table.  kNoSession, with *why set to
  // kSessionQuota or kSessionTableFull, when there is none; evicts the oldest disposable one first. The
  // caller fills it in, but for next, previous, list, charged and version, and calls settle().
  SessionIndex insert(const packet::FlowKey& key, uint32_t hash, PortId charged, Tick now, Drop* why);

  // Says that at(index).state has been set or changed: moves the entry to the queue or wheel that state
  // belongs in.
  void settle(SessionIndex index, Tick now);

  void erase(SessionIndex index);

  // Expires what is due: looks at no more than `budget` entries.  Call once a turn, with a budget of at
  // least 2.
  void age(Tick now, unsigned budget) {
    if (now >= *next_due_) [[unlikely]]
      age_due(now, budget);
  }

  // Copies live sessions for a reader on another thread, skipping entries that change meanwhile.
  // What is copied is one session: key, ends, rule and charge belong together unless the worker decided it
  // again during the copy.  Its time, counters and TCP state are each whole, but may be moments apart.
  void copy(size_t limit, std::vector<Session>& out) const;
  // The same from entry `from` on; where to go on, 0 after the last.
  SessionIndex copy_from(SessionIndex from, size_t limit, std::vector<Session>& out) const;

  [[nodiscard]] std::vector<Capacity> capacity() const;  // "sessions", "session index"; any thread
  [[nodiscard]] SessionCounts counts() const;            // any thread
  [[nodiscard]] uint32_t used() const;                   // any thread

 private:
  static bool same(const packet::FlowKey& one, const packet::FlowKey& two) {
    uint64_t tail_one, tail_two;  // ports, VNI and protocol
    std::memcpy(&tail_one, reinterpret_cast<const char*>(&one) + offsetof(packet::FlowKey, a_port), 8);
    std::memcpy(&tail_two, reinterpret_cast<const char*>(&two) + offsetof(packet::FlowKey, a_port), 8);
    return ((one.a.hi ^ two.a.hi) | (one.a.lo ^ two.a.lo) | (one.b.hi ^ two.b.hi) | (one.b.lo ^ two.b.lo) |
            (tail_one ^ tail_two)) == 0;
  }
  void prefetch_entry(SessionIndex index) const {
    __builtin_prefetch(&entries_[index], 1);
    __builtin_prefetch(reinterpret_cast<const char*>(&entries_[index]) + 64, 1);
  }

  void initialise(uint32_t capacity);
  bool admit(PortId charged);
  SessionIndex take();
  void give(SessionIndex index);
  bool make_room(uint32_t hash);
  bool squeeze_in(uint32_t hash, SessionIndex index);
  void release(SessionIndex index);
  void evict(SessionIndex index);
  void leave(SessionIndex index);
  void place(SessionIndex index, Tick now);
  void readmit(SessionIndex index, Tick now);
  void enqueue(SessionIndex index, Tick now);
  void arm(SessionIndex index, uint64_t when, Tick now);
  void age_due(Tick now, unsigned budget);
  unsigned age_queue(Tick now, unsigned budget);
  void look_ahead();
  void scout();
  [[nodiscard]] bool live(const Session& entry) const;

  SessionHeader* header_ = nullptr;
  const Tick* next_due_ = nullptr;  // in the header
  Session* entries_ = nullptr;
  SessionBuckets index_;

  // The next entries to be evicted are known, so their lines can be fetched in time.  Hints only:
  // process-local.
  static constexpr unsigned kAhead = 8;
  SessionIndex scout_ = kNoSession;  // the queued entry looked at last
  unsigned lead_ = 0;                // how far it is from the head
  unsigned scouted_ = 0;
  SessionIndex victims_[kAhead] = {};
};

}  // namespace outrigger::engine
