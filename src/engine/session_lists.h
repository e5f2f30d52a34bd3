// The lists a session stands in: an index-linked, doubly linked list whose links are Session::next and
// previous, and what Session::list says about which one it is.
#pragma once

#include <cstdint>

#include "engine/session.h"

namespace outrigger::engine {

// Values of Session::list.  All zero is a free entry.
inline constexpr uint16_t kListFree = 0;
inline constexpr uint16_t kListUnsettled = 1;   // inserted, settle() not yet called
inline constexpr uint16_t kListWheel = 2;       // plus the slot's number
inline constexpr uint16_t kListQueue = 0x8000;  // plus 15 bits of the second it entered

struct SessionList {
  SessionIndex head = kNoSession;
  SessionIndex tail = kNoSession;
};

inline void push_back(SessionList& list, Session* entries, SessionIndex index) {
  Session& entry = entries[index];
  entry.next = kNoSession;
  entry.previous = list.tail;
  (list.tail == kNoSession ? list.head : entries[list.tail].next) = index;
  list.tail = index;
}

inline void unlink(SessionList& list, Session* entries, SessionIndex index) {
  const Session& entry = entries[index];
  (entry.previous == kNoSession ? list.head : entries[entry.previous].next) = entry.next;
  (entry.next == kNoSession ? list.tail : entries[entry.next].previous) = entry.previous;
}

}  // namespace outrigger::engine
