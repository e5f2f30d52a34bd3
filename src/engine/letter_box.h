// Frames on their way between an engine's workers and its control thread.  They are copied: a packet buffer
// in the hands of anyone but the engine that has the queues would be given out a second time when the ports
// process makes the pool whole after a death, so the control thread never holds one.  All of it lies in the
// process's own memory.  Thread-safety: any thread; nothing here locks or allocates after make().
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/burst.h"
#include "engine/demands.h"

namespace outrigger::engine {

struct Letter {
  Place from = 0;  // or where to
  uint16_t length = 0;
  uint64_t number = 0;  // whatever the writer says
  std::array<uint8_t, kBufferRoom> bytes;

  [[nodiscard]] std::span<uint8_t> frame() { return {bytes.data(), length}; }
  // As a packet; null when there is no buffer.
  [[nodiscard]] rte_mbuf* packet(rte_mempool* buffers) const;
};

class LetterBox {
 public:
  LetterBox() = default;
  ~LetterBox();
  LetterBox(const LetterBox&) = delete;
  LetterBox& operator=(const LetterBox&) = delete;

  // For `size` letters, a power of two.  False: no memory.
  [[nodiscard]] bool make(unsigned size);

  // False: it is full, or the frame is longer than a letter.
  bool put(std::span<const uint8_t> frame, Place from, uint64_t number = 0);
  bool put(const rte_mbuf* packet, Place from, uint64_t number = 0);

  // Null: none is there.  Whoever took one gives it back.
  Letter* take();
  void give_back(Letter* letter);

 private:
  Letter* blank();
  void post(Letter* letter);

  std::vector<Letter> letters_;
  rte_ring* blank_ = nullptr;
  rte_ring* written_ = nullptr;
};

// Of workers' threads: an rte_ring in the process's own memory, or null.  To be freed.
rte_ring* make_own_ring(unsigned size, unsigned flags);

}  // namespace outrigger::engine
