// One worker's sessions: a 64-byte-bucket index over a preallocated slab of 128-byte entries, with its timers and
// quotas.  All of it lives in one span of memory and refers to itself by index only, so it can be shared between
// processes and survives the one that wrote it.
//
// Theory of operation.  A bucket holds (tag, entry number) pairs for keys that hash to it; a full bucket overflows into
// a second one given by the same hash.  Lookup is split so that a burst can overlap its cache misses: prefetch_bucket,
// candidate, confirm.  Sessions that may be lost (not yet answered, denied, closing) stand in one queue, oldest first:
// it is their timer and, when the table is full, the order of eviction.  Established ones stand in a timer wheel and are
// re-armed lazily from last_seen.
// Thread-safety: one writer, its worker.  Others may read entries; they must expect a torn one (see copy()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/capacity.h"
#include "engine/session.h"

namespace outrigger::engine {

struct SessionLimits {
  Tick embryonic = 30 * kTicksPerSecond;     // unanswered, denied, closing: the disposable queue
  Tick established = 7200 * kTicksPerSecond; // TCP
  Tick half_closed = 120 * kTicksPerSecond;
  Tick udp = 180 * kTicksPerSecond;          // answered UDP, SCTP, other
  Tick icmp = 30 * kTicksPerSecond;
  uint32_t default_quota = 0;                // sessions per port, 0: no limit
  bool strict_tcp_window = false;
};

class SessionTable {
 public:
  // Bytes for `capacity` sessions: 128 each, at most 16 of index, and a fixed part.
  static size_t bytes_needed(uint32_t capacity);
  // `memory` is 64-byte aligned, zeroed, and at least bytes_needed(capacity).
  SessionTable(std::span<std::byte> memory, uint32_t capacity);

  void set_limits(const SessionLimits& limits);
  void set_quota(PortId port, uint32_t sessions);  // 0: the default

  // Lookup, in three steps a burst apart.
  void prefetch_bucket(uint32_t hash) const;
  [[nodiscard]] SessionIndex candidate(uint32_t hash) const;  // first tag match, its entry prefetched; or kNoSession
  [[nodiscard]] SessionIndex confirm(SessionIndex candidate, const packet::FlowKey& key, uint32_t hash) const;
  [[nodiscard]] SessionIndex find(const packet::FlowKey& key, uint32_t hash) const;

  [[nodiscard]] Session& at(SessionIndex index) { return entries_[index]; }
  [[nodiscard]] const Session& at(SessionIndex index) const { return entries_[index]; }

  // A new entry with its key written and state kWriting, charged to `charged` (kNoPort: nobody).  kNoSession, with
  // *why set to kSessionQuota or kSessionTableFull, when there is none; evicts the oldest disposable one first.
  // The caller fills it in and calls settle().
  SessionIndex insert(const packet::FlowKey& key, uint32_t hash, PortId charged, Tick now, Drop* why);

  // Says that at(index).state has been set or changed: moves the entry to the queue or wheel that state belongs in.
  void settle(SessionIndex index, Tick now);

  void erase(SessionIndex index);

  // Expires what is due: looks at no more than `budget` entries.  Call once a turn.
  void age(Tick now, unsigned budget);

  // Copies live sessions for a reader on another thread, skipping entries that change meanwhile.
  void copy(size_t limit, std::vector<Session>& out) const;

  [[nodiscard]] std::vector<Capacity> capacity() const;  // "sessions", "session index"
  [[nodiscard]] uint32_t used() const;

 private:
  Session* entries_ = nullptr;
};

}  // namespace outrigger::engine
