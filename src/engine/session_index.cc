#include "engine/session_index.h"

#include <algorithm>

namespace outrigger::engine {
namespace {

bool put(Bucket& bucket, uint16_t tag, uint32_t entry) {
  const uint32_t free = slots_with(bucket, 0);
  if (free == 0) return false;
  const int slot = __builtin_ctz(free);
  bucket.entries[slot] = entry;
  bucket.tags[slot] = tag;
  return true;
}

bool take(Bucket& bucket, uint16_t tag, uint32_t entry) {
  for (uint32_t slots = slots_with(bucket, tag); slots != 0; slots &= slots - 1) {
    const int slot = __builtin_ctz(slots);
    if (bucket.entries[slot] != entry) continue;
    bucket.tags[slot] = 0;
    return true;
  }
  return false;
}

}  // namespace

bool SessionBuckets::insert(uint32_t hash, uint32_t entry) {
  Bucket& bucket = buckets_[first(hash)];
  if (put(bucket, tag(hash), entry)) [[likely]]
    return true;
  if (bucket.overflowed == 0xffff || !put(buckets_[second(hash)], tag(hash), entry)) return false;
  ++bucket.overflowed;
  return true;
}

bool SessionBuckets::move(uint32_t from, unsigned slot, uint32_t hash) {
  const bool away = first(hash) == from;
  const uint32_t to = away ? second(hash) : first(hash);
  Bucket& home = buckets_[first(hash)];
  if (to == from || (away && home.overflowed == 0xffff)) return false;
  if (!put(buckets_[to], tag(hash), buckets_[from].entries[slot])) return false;
  buckets_[from].tags[slot] = 0;
  home.overflowed = static_cast<uint16_t>(home.overflowed + (away ? 1 : -1));
  return true;
}

bool SessionBuckets::remove(uint32_t hash, uint32_t entry) {
  Bucket& bucket = buckets_[first(hash)];
  if (take(bucket, tag(hash), entry)) [[likely]]
    return true;
  if (bucket.overflowed == 0 || !take(buckets_[second(hash)], tag(hash), entry)) return false;
  --bucket.overflowed;
  return true;
}

void SessionBuckets::clear() { std::fill_n(buckets_, count_, Bucket{}); }

}  // namespace outrigger::engine
