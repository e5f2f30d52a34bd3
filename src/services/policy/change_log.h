// When a judgement may last have changed, so that a session decided before need not be decided again after
// every update.  Epochs lie in a fixed array by hash: two that share a slot cost a needless second look,
// never a missed one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/id.h"
#include "services/policy/flat_map.h"
#include "services/policy/rule_index.h"
#include "services/policy/table.h"

namespace outrigger::policy {

class ChangeLog {
 public:
  void everything(Epoch epoch) { everything_ = epoch; }
  void subject(EndpointId endpoint, Epoch epoch) { note(subject_key(endpoint), epoch); }
  void peer(EndpointId endpoint, Epoch epoch) { note(peer_key(endpoint), epoch); }
  void owner(Owner owner, Epoch epoch) { note(owner_key(owner), epoch); }
  // A narrow prefix counts for its /24 or /64 alone.
  void prefix(Owner owner, const IpPrefix& prefix, Epoch epoch) {
    const bool narrow = prefix.length >= block_length(prefix.is_v4());
    note(narrow ? block_key(owner, prefix.address, prefix.is_v4()) : owner_key(owner), epoch);
  }

  [[nodiscard]] bool everything_since(Epoch since) const { return everything_ > since; }
  [[nodiscard]] bool subject_since(EndpointId endpoint, Epoch since) const {
    return at(subject_key(endpoint)) > since;
  }
  [[nodiscard]] bool owner_since(Owner owner, const Peer& peer, Epoch since) const {
    return at(owner_key(owner)) > since || at(block_key(owner, peer.address, peer.address.is_v4())) > since ||
           (peer.endpoint != kNoEndpoint && at(peer_key(peer.endpoint)) > since);
  }
  [[nodiscard]] static constexpr size_t bytes() { return kSlots * sizeof(Epoch); }

 private:
  static constexpr size_t kSlots = 65536;
  enum Kind : uint64_t { kSubject = 1, kPeer, kOwner, kBlock };

  static constexpr uint8_t block_length(bool v4) { return v4 ? 120 : 64; }
  static uint64_t subject_key(EndpointId endpoint) { return uint64_t{endpoint.value()} << 3 | kSubject; }
  static uint64_t peer_key(EndpointId endpoint) { return uint64_t{endpoint.value()} << 3 | kPeer; }
  static uint64_t owner_key(Owner owner) { return uint64_t{owner.value} << 3 | kOwner; }
  static uint64_t block_key(Owner owner, IpAddress address, bool v4) {
    const IpAddress block = IpPrefix::mask(address, block_length(v4));
    return mix(block.hi ^ owner_key(owner) ^ 0x8ebc6af09c88c6e3, block.lo ^ 0x589965cc75374cc3) << 3 | kBlock;
  }
  void note(uint64_t key, Epoch epoch) {
    Epoch& slot = slots_[hash_of(key) % kSlots];
    slot = std::max(slot, epoch);
  }
  [[nodiscard]] Epoch at(uint64_t key) const { return slots_[hash_of(key) % kSlots]; }

  std::vector<Epoch> slots_ = std::vector<Epoch>(kSlots);
  Epoch everything_{0};
};

}  // namespace outrigger::policy
