#include "engine/shared_neighbours.h"

namespace outrigger::engine {

// An entry whose writer died in the middle (an odd number) is as good as an empty one.
void SharedNeighbours::write(const IpAddress& address, const MacAddress& mac) {
  SharedNeighbour* place = nullptr;
  for (SharedNeighbour& entry : entries_) {
    const uint32_t sequence = entry.sequence.load(std::memory_order_relaxed);
    const bool empty = sequence == 0 || sequence % 2 != 0;
    if (empty && place == nullptr) place = &entry;
    if (empty || entry.address != address) continue;
    if (entry.mac == mac) return;
    place = &entry;
    break;
  }
  if (place == nullptr) return;
  const uint32_t even = place->sequence.load(std::memory_order_relaxed) & ~1u;
  place->sequence.store(even + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  place->address = address;
  place->mac = mac;
  place->sequence.store(even + 2, std::memory_order_release);
}

void SharedNeighbours::read(const std::function<void(const IpAddress&, const MacAddress&)>& each) const {
  for (const SharedNeighbour& entry : entries_) {
    const uint32_t before = entry.sequence.load(std::memory_order_acquire);
    if (before == 0 || before % 2 != 0) continue;
    const IpAddress address = entry.address;
    const MacAddress mac = entry.mac;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (entry.sequence.load(std::memory_order_relaxed) == before) each(address, mac);
  }
}

}  // namespace outrigger::engine
