// What stands at the start of a session table's memory: everything about it that is not an entry or a bucket.
// Shared between processes, so: no pointer, no virtual, no process-local number; changed only together with
// kSessionLayout. Thread-safety: the table's writer; Figures may be read by anyone.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/session_lists.h"
#include "engine/session_table.h"
#include "engine/timer_wheel.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

inline constexpr uint64_t kSessionMagic = 0x3173737365727464;  // "dtresss1"
inline constexpr uint32_t kPorts = 1u << 16;

// One writer, many readers: a plain store that readers may race with.
template <typename T>
class Figure {
 public:
  [[nodiscard]] T get() const { return value_.load(std::memory_order_relaxed); }
  void set(T value) { value_.store(value, std::memory_order_relaxed); }
  void add(T by) { set(static_cast<T>(get() + by)); }

 private:
  std::atomic<T> value_{0};
};

struct SessionHeader {
  uint64_t magic = 0;
  uint32_t layout = 0;
  uint32_t capacity = 0;
  uint32_t buckets = 0;
  uint32_t busy = 0;               // the links or the index are being changed: a crash now needs repair()
  uint32_t unsettled = 0;          // entries between insert() and settle()
  Figure<uint32_t> fresh;          // entries from here on were never used
  SessionIndex free = kNoSession;  // linked by Session::next
  Tick next_due = 0;               // age() has nothing to do before
  Tick queue_due = 0;
  SessionList queue;  // disposable ones, oldest first
  SessionLimits limits;

  Figure<uint32_t> used, high_water;
  Figure<uint64_t> refused_full, refused_index, refused_quota, evicted, expired;

  TimerWheel wheel;
  struct Quota {
    uint32_t used = 0;
    uint32_t limit = 0;  // 0: the default
  } quotas[kPorts];
};

// Marks the time during which links, index and counts disagree; a writer that dies inside leaves the mark.
// Stores before a kill are kept in program order, so only the compiler must be held back.
class Changing {
 public:
  explicit Changing(SessionHeader& header) : header_(header) {
    header_.busy = 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~Changing() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    header_.busy = 0;
  }
  Changing(const Changing&) = delete;
  Changing& operator=(const Changing&) = delete;

 private:
  SessionHeader& header_;
};

// How long a session may be silent.
inline Tick timeout(const SessionLimits& limits, const Session& entry) {
  switch (entry.state) {
    case SessionState::kEstablished:
      return limits.established;
    case SessionState::kFinWait:
      return limits.half_closed;
    case SessionState::kActive:
      return entry.key.protocol() == packet::kIcmp || entry.key.protocol() == packet::kIcmpV6 ? limits.icmp
                                                                                              : limits.udp;
    default:
      return limits.embryonic;
  }
}

}  // namespace outrigger::engine
