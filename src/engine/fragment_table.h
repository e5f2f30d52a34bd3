// Fragments are judged like the flow they belong to: the first one's ports are remembered, later ones borrow them.
// Later fragments before their first, over bytes already seen, or past 64 KiB are dropped by name.
// Thread-safety: one worker's own.
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
  explicit FragmentTable(uint32_t capacity = 4096);
  ~FragmentTable();

  // A first fragment is remembered; a later one gets its ports, key, hash and kind kFlow.  `payload` is this fragment's
  // bytes after the IP headers.  kNone, or why it must be dropped.
  Drop track(packet::PacketInfo& info, std::span<const uint8_t> frame, Tick now);

  [[nodiscard]] Capacity capacity() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::engine
