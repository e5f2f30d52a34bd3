// How the ports process knows that a worker lives: a number that grows.  Writer: the worker that owns the
// word.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/node_memory.h"

namespace outrigger::engine {

class Pulse {
 public:
  explicit Pulse(WorkerWord& word) : word_(word) {}

  // On from where the owner before left it.
  void resume() { count_ = word_.beat.load(std::memory_order_relaxed); }
  // Once a turn; and in a turn after each burst that takes a system call a frame, of which many make it long.
  void beat() { word_.beat.store(++count_, std::memory_order_relaxed); }

 private:
  WorkerWord& word_;
  uint64_t count_ = 0;
};

}  // namespace outrigger::engine
