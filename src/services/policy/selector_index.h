// Which selectors match a peer: those that name its endpoint, and those with a block that covers its address.
//
// Theory of operation.  An endpoint knows the selectors that name it.  A block lies under its prefix in one
// hash table; an address is looked up once for every prefix length in use in its family.  A block found
// carries its own exceptions, so that an exception of one block says nothing about another. An IPv6 prefix
// shorter than 96 (::/0) covers no IPv4 address, although those are written ::ffff:a.b.c.d.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/address.h"
#include "base/id.h"
#include "services/policy/few.h"
#include "services/policy/flat_map.h"
#include "services/policy/table.h"

namespace outrigger::policy {

// IpPrefix as a hash key; {} is no prefix.
struct PrefixKey {
  uint64_t hi = 0;
  uint64_t lo = 0;
  uint64_t length_and_one = 0;
  PrefixKey() = default;
  PrefixKey(IpAddress address, unsigned length)
      : hi(address.hi), lo(address.lo), length_and_one(length + 1u) {}
  friend bool operator==(const PrefixKey&, const PrefixKey&) = default;
  friend uint64_t hash_of(const PrefixKey& key) {
    return mix(key.hi ^ 0xa0761d6478bd642f ^ key.length_and_one << 32, key.lo ^ 0xe7037ed1a0b428db);
  }
};

struct Block {
  IpPrefix cidr;
  std::vector<IpPrefix> excepts;  // of cidr's family, sorted, none inside another

  [[nodiscard]] bool excludes(const IpAddress& address) const;
  friend auto operator<=>(const Block&, const Block&) = default;
};

// Both sorted and without repetition.
struct Selector {
  std::vector<EndpointId> endpoints;
  std::vector<Block> blocks;

  // What is in this and not in `other`.
  [[nodiscard]] Selector without(const Selector& other) const;
};

class SelectorIndex {
 public:
  [[nodiscard]] const Selector* find(uint32_t id) const { return selectors_.find(id); }
  void set(uint32_t id, Selector selector);
  void remove(uint32_t id);

  // Calls fn(selector) for each match but selector 0, some more than once.
  template <typename Fn>
  void for_each(const Peer& peer, Fn fn) const {
    if (peer.endpoint != kNoEndpoint) {
      if (const Names* names = named_.find(endpoint_key(peer.endpoint))) {
        names->for_each(fn);
      }
    }
    const Lengths& lengths = lengths_[peer.address.is_v4() ? 1 : 0];
    for (unsigned word = 0; word < lengths.used.size(); ++word) {
      for (uint64_t bits = lengths.used[word]; bits != 0; bits &= bits - 1) {
        for_each_block(peer.address, word * 64 + static_cast<unsigned>(std::countr_zero(bits)), fn);
      }
    }
  }
  [[nodiscard]] size_t size() const { return selectors_.size(); }
  [[nodiscard]] size_t prefixes() const { return blocks_used_; }
  [[nodiscard]] size_t selector_bytes() const;
  [[nodiscard]] size_t block_bytes() const;

 private:
  static constexpr uint32_t kNoExcepts = 0;
  struct BlockUse {
    uint32_t selector = 0;
    uint32_t excepts = kNoExcepts;  // into exceptions_
  };
  // Prefix lengths in use, with how many prefixes use each.
  struct Lengths {
    std::array<uint64_t, 3> used{};
    std::array<uint32_t, 129> counts{};
  };
  using Names = Few<uint32_t>;
  using Uses = Few<BlockUse>;

  static constexpr uint64_t endpoint_key(EndpointId endpoint) { return uint64_t{endpoint.value()} + 1; }

  template <typename Fn>
  void for_each_block(const IpAddress& address, unsigned length, Fn& fn) const {
    const Uses* uses = prefixes_.find({IpPrefix::mask(address, static_cast<uint8_t>(length)), length});
    if (uses == nullptr) return;
    uses->for_each([&](const BlockUse& use) {
      if (use.excepts == kNoExcepts || !exceptions_[use.excepts].excludes(address)) fn(use.selector);
    });
  }
  void link(uint32_t id, const Selector& selector);
  void unlink(uint32_t id, const Selector& selector);
  void link_block(uint32_t id, const Block& block);
  void unlink_block(uint32_t id, const Block& block);
  uint32_t keep_exceptions(const Block& block);

  FlatMap<uint64_t, Selector> selectors_;
  FlatMap<uint64_t, Names> named_;  // endpoint -> selectors
  FlatMap<PrefixKey, Uses> prefixes_;
  std::array<Lengths, 2> lengths_;  // IPv6, IPv4
  std::vector<Block> exceptions_ = std::vector<Block>(1);
  std::vector<uint32_t> free_exceptions_;
  size_t blocks_used_ = 0;
};

}  // namespace outrigger::policy
