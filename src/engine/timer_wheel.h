// Sessions by the second in which they are next looked at.
//
// Theory of operation.  Slots of one second, 4096 of them, each a list.  A packet of a session moves nothing:
// it writes last_seen.  When its slot comes the session is looked at, and dropped or put where its new time
// says.  A time beyond the wheel is put in the last slot and looked at again there.  The cursor walks second
// by second; when the clock jumps it goes round once at most, a bounded number of entries per call.
// Thread-safety: one writer.  Lives in the table's memory; refers by index only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/session_lists.h"

namespace outrigger::engine {

struct TimerWheel {
  static constexpr uint32_t kSlots = 4096;
  static constexpr Tick kNever = 0xffffffff;

  uint32_t cursor = 0;  // the next second to be looked at
  uint32_t count = 0;
  SessionList slots[kSlots];

  // When turn() has something to do.
  [[nodiscard]] Tick due() const {
    return count == 0 ? kNever
                      : static_cast<Tick>(std::min<uint64_t>(uint64_t{cursor} * kTicksPerSecond, kNever));
  }

  // Puts an entry that stands in no list where it is looked at once `when` has passed.
  void arm(Session* entries, SessionIndex index, uint64_t when, Tick now);
  void disarm(Session* entries, SessionIndex index);

  // Looks at no more than `budget` entries and empty slots.  `look(entry)` erases it, which disarms it, or
  // returns the time later than `now` at which it wants to be looked at again.  Returns how much of the
  // budget was left.
  template <typename Look>
  unsigned turn(Session* entries, Tick now, unsigned budget, Look look);

 private:
  void skip_rounds(uint32_t today);
};

inline void TimerWheel::arm(Session* entries, SessionIndex index, uint64_t when, Tick now) {
  if (count == 0) cursor = std::max(cursor, now / kTicksPerSecond + 1);
  const uint64_t second = when / kTicksPerSecond + 1;
  const uint64_t slot = std::clamp<uint64_t>(second, cursor, uint64_t{cursor} + kSlots - 1) % kSlots;
  entries[index].list = static_cast<uint16_t>(kListWheel + slot);
  push_back(slots[slot], entries, index);
  ++count;
}

inline void TimerWheel::disarm(Session* entries, SessionIndex index) {
  unlink(slots[entries[index].list - kListWheel], entries, index);
  entries[index].list = kListUnsettled;
  --count;
}

// A cursor more than two rounds behind goes on one to two rounds behind: every slot is still met once.
inline void TimerWheel::skip_rounds(uint32_t today) {
  if (today > cursor && today - cursor >= 2 * kSlots) cursor += ((today - cursor) / kSlots - 1) * kSlots;
}

template <typename Look>
unsigned TimerWheel::turn(Session* entries, Tick now, unsigned budget, Look look) {
  const uint32_t today = now / kTicksPerSecond;
  skip_rounds(today);
  for (; budget != 0 && count != 0 && cursor <= today; --budget) {
    const SessionIndex index = slots[cursor % kSlots].head;
    if (index == kNoSession) {
      ++cursor;
      continue;
    }
    const SessionIndex next = entries[index].next;
    if (next != kNoSession) {
      __builtin_prefetch(&entries[next], 1);
      __builtin_prefetch(reinterpret_cast<const char*>(&entries[next]) + 64, 1);
    }
    if (const uint64_t again = look(index); again != 0) {
      disarm(entries, index);
      arm(entries, index, again, now);
    }
  }
  return budget;
}

}  // namespace outrigger::engine
