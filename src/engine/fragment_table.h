// Fragments are judged like the flow they belong to: the first one's ports are remembered, later ones borrow
// them. Later fragments before their first, over bytes already seen, or past 64 KiB are dropped by name.
//
// Theory of operation.  A packet's pieces are followed in order only: each must start at or after the highest
// byte seen, so nothing that has been judged can be rewritten (RFC 5722), and one number a packet is all
// there is to keep. The last piece ends it.  A fixed table, eight places for each packet, seeded so that
// nobody can choose the place. Thread-safety: one worker's own; capacity() from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/capacity.h"
#include "engine/session.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

class FragmentTable {
 public:
  // `capacity` is rounded up to a power of two, 8 at least.
  explicit FragmentTable(uint32_t capacity = 4096);
  ~FragmentTable();
  FragmentTable(FragmentTable&&) noexcept;
  FragmentTable& operator=(FragmentTable&&) noexcept;

  // A first fragment is remembered, and is a kFlow already; a later one gets its ports, key, hash and kind
  // kFlow. kNone, or why it must be dropped.  `frame` is the packet that `info` was parsed from.
  Drop track(packet::PacketInfo& info, std::span<const uint8_t> frame, Tick now);

  [[nodiscard]] Capacity capacity() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::engine
