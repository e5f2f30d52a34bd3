// Finds a session by hash in one cache line: 64-byte buckets of ten (tag, entry number) pairs.
//
// Theory of operation.  A hash names two buckets and a 16-bit tag.  An entry stands in the first bucket when
// there is room, else in the second, and the first counts how many of its own stand elsewhere: only then does
// a lookup read the second.  There is one bucket for every four sessions, so a full table fills 40 % of the
// slots, about one entry in a thousand overflows, and one in 200,000 finds both buckets full.  All zero is an
// empty index. Bucket numbers come from a multiplication, not a mask, so that 16 bytes a session hold at
// every capacity. Thread-safety: one writer, which is also the only reader.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace outrigger::engine {

struct alignas(64) Bucket {
  static constexpr unsigned kSlots = 10;
  uint16_t tags[kSlots] = {};  // 0: free
  uint16_t overflowed = 0;     // entries that belong here and stand in their second bucket
  uint16_t unused = 0;
  uint32_t entries[kSlots] = {};
};
static_assert(sizeof(Bucket) == 64);

// Bit i is set when slot i has the tag.
inline uint32_t slots_with_scalar(const Bucket& bucket, uint16_t tag) {
  uint32_t slots = 0;
  for (unsigned i = 0; i < Bucket::kSlots; ++i) slots |= uint32_t{bucket.tags[i] == tag} << i;
  return slots;
}

inline uint32_t slots_with(const Bucket& bucket, uint16_t tag) {
#if defined(__AVX2__)
  // The load runs on into the entries, inside the same line; the mask drops what it found there.
  const __m256i line = _mm256_load_si256(reinterpret_cast<const __m256i*>(&bucket));
  const __m256i equal = _mm256_cmpeq_epi16(line, _mm256_set1_epi16(static_cast<int16_t>(tag)));
  const __m128i packed = _mm_packs_epi16(_mm256_castsi256_si128(equal), _mm256_extracti128_si256(equal, 1));
  return static_cast<uint32_t>(_mm_movemask_epi8(packed)) & ((1u << Bucket::kSlots) - 1);
#else
  return slots_with_scalar(bucket, tag);
#endif
}

class SessionBuckets {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  SessionBuckets() = default;
  SessionBuckets(Bucket* buckets, uint32_t count) : buckets_(buckets), count_(count) {}

  // One for four sessions; two at least, because a second bucket differs from the first.
  static constexpr uint32_t count_for(uint32_t capacity) { return capacity < 8 ? 2 : capacity / 4; }

  // The tag is never 0.  The bits of tag and bucket overlap only in tables of more than 2^16 buckets.
  static uint16_t tag(uint32_t hash) {
    const auto bits = static_cast<uint16_t>(spread(hash) >> 16);
    return bits != 0 ? bits : 1;
  }
  [[nodiscard]] uint32_t first(uint32_t hash) const { return scale(spread(hash) >> 32); }
  [[nodiscard]] uint32_t second(uint32_t hash) const {
    const uint32_t one = first(hash);
    const uint32_t two = scale((uint64_t{hash} * 0xd6e8feb86659fd93) >> 32);
    if (two != one) return two;
    return one + 1 < count_ ? one + 1 : 0;
  }

  void prefetch(uint32_t hash) const { __builtin_prefetch(&buckets_[first(hash)]); }

  // The first entry that may have this hash: the wrong one about once in a thousand lookups.  kNone: there is
  // none.
  [[nodiscard]] uint32_t candidate(uint32_t hash) const {
    const Bucket& bucket = buckets_[first(hash)];
    const uint32_t slots = slots_with(bucket, tag(hash));
    if (slots != 0) [[likely]]
      return bucket.entries[__builtin_ctz(slots)];
    if (bucket.overflowed == 0) [[likely]]
      return kNone;
    const Bucket& other = buckets_[second(hash)];
    const uint32_t there = slots_with(other, tag(hash));
    return there != 0 ? other.entries[__builtin_ctz(there)] : kNone;
  }

  // The entry of this hash for which `is_it(entry)` holds; kNone: there is none.
  template <typename IsIt>
  [[nodiscard]] uint32_t find(uint32_t hash, IsIt is_it) const {
    const Bucket& bucket = buckets_[first(hash)];
    const uint32_t entry = find_in(bucket, tag(hash), is_it);
    if (entry != kNone || bucket.overflowed == 0) [[likely]]
      return entry;
    return find_in(buckets_[second(hash)], tag(hash), is_it);
  }

  bool insert(uint32_t hash, uint32_t entry);  // false: both buckets are full
  // After that: makes room in the first bucket by moving one of its entries to that one's other bucket.
  // False: all of those are full too, about once in 10^12 insertions at 40 % load.
  template <typename HashOf>
  bool move_one(uint32_t hash, HashOf hash_of) {
    const uint32_t from = first(hash);
    for (unsigned slot = 0; slot < Bucket::kSlots; ++slot) {
      if (move(from, slot, hash_of(buckets_[from].entries[slot]))) return true;
    }
    return false;
  }
  bool remove(uint32_t hash, uint32_t entry);  // false: it is not there
  void clear();
  [[nodiscard]] const Bucket& at(uint32_t number) const { return buckets_[number]; }
  [[nodiscard]] uint32_t count() const { return count_; }

 private:
  bool move(uint32_t from, unsigned slot, uint32_t hash);
  static uint64_t spread(uint32_t hash) { return uint64_t{hash} * 0x9e3779b97f4a7c15; }
  [[nodiscard]] uint32_t scale(uint64_t bits32) const {
    return static_cast<uint32_t>((bits32 * count_) >> 32);
  }

  template <typename IsIt>
  static uint32_t find_in(const Bucket& bucket, uint16_t tag, IsIt is_it) {
    for (uint32_t slots = slots_with(bucket, tag); slots != 0; slots &= slots - 1) {
      const uint32_t entry = bucket.entries[__builtin_ctz(slots)];
      if (is_it(entry)) return entry;
    }
    return kNone;
  }

  Bucket* buckets_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace outrigger::engine
