// What a takeover does when the last writer died in the middle of a change.
#include <algorithm>

#include "engine/session_layout.h"
#include "engine/session_table.h"

namespace outrigger::engine {

namespace {

// Millions of sessions take long; whoever watches this worker is told that it is at it.
struct Pulse {
  const std::function<void()>& alive;
  uint32_t count = 0;
  void operator()() {
    if (++count % 4096 == 0 && alive) alive();
  }
};

}  // namespace

bool SessionTable::torn() const { return header_->busy != 0 || header_->unsettled != 0; }

bool SessionTable::live(const Session& entry) const {
  return entry.version % 2 == 0 && entry.state >= SessionState::kDenied &&
         entry.state <= SessionState::kReset;
}

// Everything but the entries can be had from the entries; only the order in the queue is guessed, by
// last_seen.
void SessionTable::repair(Tick now, const std::function<void()>& alive) {
  Pulse pulse{alive};
  header_->busy = 1;
  header_->unsettled = 0;
  header_->free = kNoSession;
  header_->queue = {};
  header_->wheel = {};
  header_->used.set(0);
  for (SessionHeader::Quota& quota : header_->quotas) quota.used = 0;
  index_.clear();
  scout_ = kNoSession;

  const uint32_t fresh = std::min(header_->fresh.get(), header_->capacity);  // whatever ran wild before
  header_->fresh.set(fresh);
  std::vector<SessionIndex> kept;
  for (SessionIndex index = 0; index < fresh; ++index) {
    pulse();
    Session& entry = entries_[index];
    if (live(entry) && index_.insert(packet::hash(entry.key), index)) {
      kept.push_back(index);
      continue;
    }
    entry.state = SessionState::kFree;
    entry.version = static_cast<uint8_t>((entry.version | 1) + 1);
    give(index);
  }
  std::stable_sort(kept.begin(), kept.end(), [&](SessionIndex one, SessionIndex two) {
    pulse();
    return entries_[one].last_seen < entries_[two].last_seen;
  });
  for (const SessionIndex index : kept) {
    pulse();
    readmit(index, now);
  }
  header_->queue_due = header_->next_due = 0;
  header_->busy = 0;
}

void SessionTable::readmit(SessionIndex index, Tick now) {
  Session& entry = entries_[index];
  entry.list = kListUnsettled;
  if (entry.charged != kNoPort.value()) ++header_->quotas[entry.charged].used;
  header_->used.add(1);
  place(index, now);
}

}  // namespace outrigger::engine
