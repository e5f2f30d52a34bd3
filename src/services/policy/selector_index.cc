#include "services/policy/selector_index.h"

#include <iterator>

namespace outrigger::policy {
namespace {

template <typename T>
std::vector<T> difference(const std::vector<T>& from, const std::vector<T>& less) {
  std::vector<T> rest;
  std::set_difference(from.begin(), from.end(), less.begin(), less.end(), std::back_inserter(rest));
  return rest;
}

}  // namespace

// The exceptions lie apart, so only the last that begins at or before the address can cover it.
bool Block::excludes(const IpAddress& address) const {
  auto after =
      std::upper_bound(excepts.begin(), excepts.end(), address,
                       [](const IpAddress& a, const IpPrefix& prefix) { return a < prefix.address; });
  return after != excepts.begin() && std::prev(after)->contains(address);
}

Selector Selector::without(const Selector& other) const {
  return {difference(endpoints, other.endpoints), difference(blocks, other.blocks)};
}

void SelectorIndex::set(uint32_t id, Selector selector) {
  Selector& present = selectors_[id];
  unlink(id, present.without(selector));
  link(id, selector.without(present));
  present = std::move(selector);
}

void SelectorIndex::remove(uint32_t id) {
  unlink(id, *selectors_.find(id));
  selectors_.erase(id);
}

void SelectorIndex::link(uint32_t id, const Selector& selector) {
  for (const EndpointId endpoint : selector.endpoints) named_[endpoint_key(endpoint)].add(id);
  for (const Block& block : selector.blocks) link_block(id, block);
}

void SelectorIndex::unlink(uint32_t id, const Selector& selector) {
  for (const EndpointId endpoint : selector.endpoints) {
    Names& names = *named_.find(endpoint_key(endpoint));
    names.take([&](uint32_t name) { return name == id; });
    if (names.empty()) named_.erase(endpoint_key(endpoint));
  }
  for (const Block& block : selector.blocks) unlink_block(id, block);
}

void SelectorIndex::link_block(uint32_t id, const Block& block) {
  Uses& uses = prefixes_[{block.cidr.address, block.cidr.length}];
  if (uses.empty()) {
    Lengths& lengths = lengths_[block.cidr.is_v4() ? 1 : 0];
    ++lengths.counts[block.cidr.length];
    lengths.used[block.cidr.length / 64] |= 1ULL << block.cidr.length % 64;
  }
  uses.add({id, keep_exceptions(block)});
  ++blocks_used_;
}

void SelectorIndex::unlink_block(uint32_t id, const Block& block) {
  const PrefixKey key{block.cidr.address, block.cidr.length};
  Uses& uses = *prefixes_.find(key);
  const BlockUse use = uses.take(
      [&](const BlockUse& u) { return u.selector == id && exceptions_[u.excepts].excepts == block.excepts; });
  if (use.excepts != kNoExcepts) {
    exceptions_[use.excepts] = {};
    free_exceptions_.push_back(use.excepts);
  }
  --blocks_used_;
  if (!uses.empty()) return;
  prefixes_.erase(key);
  Lengths& lengths = lengths_[block.cidr.is_v4() ? 1 : 0];
  if (--lengths.counts[block.cidr.length] == 0) {
    lengths.used[block.cidr.length / 64] &= ~(1ULL << block.cidr.length % 64);
  }
}

uint32_t SelectorIndex::keep_exceptions(const Block& block) {
  if (block.excepts.empty()) return kNoExcepts;
  if (free_exceptions_.empty()) {
    exceptions_.push_back(block);
    return static_cast<uint32_t>(exceptions_.size() - 1);
  }
  const uint32_t place = free_exceptions_.back();
  free_exceptions_.pop_back();
  exceptions_[place] = block;
  return place;
}

size_t SelectorIndex::selector_bytes() const {
  size_t bytes = selectors_.bytes() + named_.bytes();
  selectors_.for_each([&](uint64_t, const Selector& selector) {
    bytes += selector.endpoints.capacity() * sizeof(EndpointId) + selector.blocks.capacity() * sizeof(Block);
  });
  return bytes;
}

size_t SelectorIndex::block_bytes() const {
  return prefixes_.bytes() + exceptions_.capacity() * sizeof(Block);
}

}  // namespace outrigger::policy
