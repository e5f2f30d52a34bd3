// Next hops that the active engine has resolved, kept in the node memory, so that an engine that takes over
// can send through every tunnel at once.
// Thread-safety: write() by the active engine's control thread; read() by any other's.
#pragma once

#include <functional>
#include <span>

#include "engine/node_memory.h"

namespace outrigger::engine {

class SharedNeighbours {
 public:
  explicit SharedNeighbours(std::span<SharedNeighbour> entries) : entries_(entries) {}
  // Replaces what is known of `address`; does nothing when it is new and there is no room.
  void write(const IpAddress& address, const MacAddress& mac);
  // Those whole at this moment.
  void read(const std::function<void(const IpAddress&, const MacAddress&)>& each) const;

 private:
  std::span<SharedNeighbour> entries_;
};

}  // namespace outrigger::engine
