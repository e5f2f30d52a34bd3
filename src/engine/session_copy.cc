// Reading the table from another thread, while its worker writes it.
//
// An entry's version is even while nobody inserts or erases it, and changes with both.  A reader copies word
// by word and looks again: the same even version, the same key, a live state, and the copy is of one session.
// The worker's updates between (counters, last_seen, TCP) do not change the version: each word is whole, but
// they may differ in age.
#include <atomic>
#include <cstring>

#include "engine/session_layout.h"
#include "engine/session_table.h"

#if defined(__SANITIZE_THREAD__)
#define OUTRIGGER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OUTRIGGER_TSAN 1
#endif
#endif

namespace outrigger::engine {
namespace {

using Word [[gnu::may_alias]] = uint64_t;
constexpr size_t kWords = sizeof(Session) / sizeof(Word);

// The worker's stores are plain: an atomic store per counter would cost the fast path for the sake of a
// listing.  So ThreadSanitizer, which sees only one side being atomic, is told to look away here and nowhere
// else.
#if defined(OUTRIGGER_TSAN)
__attribute__((no_sanitize("thread"), noinline)) Word load(const Word* word) {
  return *static_cast<const volatile Word*>(word);
}
#else
Word load(const Word* word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
#endif

void copy_words(const Session& entry, Session& out) {
  const auto* from = reinterpret_cast<const Word*>(&entry);
  auto* to = reinterpret_cast<Word*>(&out);
  for (size_t i = 0; i < kWords; ++i) to[i] = load(from + i);
}

// The last word holds state and version.
static_assert(offsetof(Session, version) / sizeof(Word) == kWords - 1);
static_assert(offsetof(Session, state) / sizeof(Word) == kWords - 1);
uint8_t version_of(const Session& entry) {
  const Word last = load(reinterpret_cast<const Word*>(&entry) + kWords - 1);
  uint8_t bytes[sizeof last];
  std::memcpy(bytes, &last, sizeof last);
  return bytes[offsetof(Session, version) % sizeof(Word)];
}

bool copy_whole(const Session& entry, Session& out) {
  const uint8_t before = version_of(entry);
  if (before % 2 != 0) return false;
  std::atomic_thread_fence(std::memory_order_acquire);
  copy_words(entry, out);
  std::atomic_thread_fence(std::memory_order_acquire);
  Session again;
  copy_words(entry, again);
  return version_of(entry) == before && out.version == before && out.key == again.key &&
         out.state >= SessionState::kDenied && out.state <= SessionState::kReset;
}

}  // namespace

void SessionTable::copy(size_t limit, std::vector<Session>& out) const { (void)copy_from(0, limit, out); }

SessionIndex SessionTable::copy_from(SessionIndex from, size_t limit, std::vector<Session>& out) const {
  const uint32_t fresh = header_->fresh.get();
  Session session;
  for (SessionIndex index = from; index < fresh; ++index) {
    if (limit == 0) return index;
    if (!copy_whole(entries_[index], session)) continue;
    out.push_back(session);
    --limit;
  }
  return 0;
}

}  // namespace outrigger::engine
