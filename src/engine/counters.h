// A worker's own figures.  One writer; readers on other threads see values that are at most a little old.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "packet/drop.h"

namespace outrigger::engine {

// A 64-bit count with one writer: a plain addition for it, never torn for anyone else.
class Counter {
 public:
  void add(uint64_t amount) {
    __atomic_store_n(&value_, __atomic_load_n(&value_, __ATOMIC_RELAXED) + amount, __ATOMIC_RELAXED);
  }
  [[nodiscard]] uint64_t get() const { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }

 private:
  uint64_t value_ = 0;
};

// Places for drop reasons: fixed, so that a version with more of them reads the counters of one with fewer.
inline constexpr size_t kDropPlaces = 128;
static_assert(kDropCount <= kDropPlaces);

struct alignas(64) WorkerCounters {
  Counter turns;        // times round the loop
  Counter busy_turns;   // of them, with packets
  Counter packets;      // received
  Counter decided;      // first packets given to the services
  Counter redecided;    // sessions decided again after a change
  Counter kept;         // sessions that a change did not concern
  Counter handed_over;  // packets passed to the worker that owns their session
  Counter answered;     // answers and errors sent
  Counter sleeps;       // times it slept for want of work
  std::array<Counter, kDropPlaces> drops;
};

// Hits by RuleId.  A rule beyond it counts in slot 0, which capacity reports as refused.
class RuleHits {
 public:
  explicit RuleHits(std::span<Counter> hits) : hits_(hits) {}
  void hit(uint32_t rule) { hits_[rule < hits_.size() ? rule : 0].add(1); }
  [[nodiscard]] uint64_t get(uint32_t rule) const { return hits_[rule].get(); }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(hits_.size()); }

 private:
  std::span<Counter> hits_;
};

}  // namespace outrigger::engine
