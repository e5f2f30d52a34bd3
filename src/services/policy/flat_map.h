// A hash table for the judging path: one array, no pointers, so a lookup is one cache line when the table is
// big. Open addressing with linear probing and backward-shift deletion (no tombstones: years of small changes
// leave it as good as new).  Key{} marks an empty slot and cannot be stored.  Grows by doubling, never
// shrinks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "services/policy/huge_pages.h"

namespace outrigger::policy {

constexpr uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr uint64_t hash_of(uint64_t key) { return mix(key ^ 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93); }

template <typename Key, typename Value>
class FlatMap {
 public:
  FlatMap() : slots_(kFewest) {}

  [[nodiscard]] const Value* find(const Key& key) const {
    for (size_t at = home(key);; at = next(at)) {
      if (slots_[at].key == key) return &slots_[at].value;
      if (slots_[at].key == Key{}) return nullptr;
    }
  }
  [[nodiscard]] Value* find(const Key& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

  // The value of `key`, made if absent.  Valid until the next change.
  Value& operator[](const Key& key) {
    if (Value* present = find(key)) return *present;
    if (used_ >= room(slots_.size())) resize(slots_.size() * 2);
    ++used_;
    Slot& slot = slots_[vacancy(key)];
    slot.key = key;
    return slot.value;
  }

  void erase(const Key& key) {
    size_t hole = home(key);
    while (!(slots_[hole].key == key)) {
      if (slots_[hole].key == Key{}) return;
      hole = next(hole);
    }
    --used_;
    for (size_t at = next(hole); !(slots_[at].key == Key{}); at = next(at)) {
      const size_t distance = (at - home(slots_[at].key)) & (slots_.size() - 1);
      if (distance < ((at - hole) & (slots_.size() - 1))) continue;  // must not move before its home
      slots_[hole] = std::move(slots_[at]);
      hole = at;
    }
    slots_[hole] = Slot{};
  }

  // Makes room for `count` in all, so that a big change grows the table once.
  void reserve(size_t count) {
    size_t size = slots_.size();
    while (room(size) < count) size *= 2;
    if (size != slots_.size()) resize(size);
  }

  template <typename Fn>
  void for_each(Fn fn) const {
    for (const Slot& slot : slots_) {
      if (!(slot.key == Key{})) fn(slot.key, slot.value);
    }
  }
  [[nodiscard]] size_t size() const { return used_; }
  [[nodiscard]] size_t bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    Key key{};
    Value value{};
  };
  using Slots = std::vector<Slot, HugePages<Slot>>;
  static constexpr size_t kFewest = 16;
  static constexpr size_t room(size_t slots) { return slots / 8 * 5; }  // a miss probes 4 slots when fullest

  [[nodiscard]] size_t home(const Key& key) const { return hash_of(key) & (slots_.size() - 1); }
  [[nodiscard]] size_t next(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  [[nodiscard]] size_t vacancy(const Key& key) const {
    size_t at = home(key);
    while (!(slots_[at].key == Key{})) at = next(at);
    return at;
  }
  void resize(size_t size) {
    Slots old(size);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (!(slot.key == Key{})) slots_[vacancy(slot.key)] = std::move(slot);
    }
  }

  Slots slots_;
  size_t used_ = 0;
};

}  // namespace outrigger::policy
