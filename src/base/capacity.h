// The capacity contract of a table, pool or ring: nothing fills silently.
#pragma once

#include <cstdint>
#include <string>

namespace outrigger {

struct Capacity {
  std::string name;   // "sessions", "session index", "buffers", ...
  uint64_t size = 0;  // most it can hold
  uint64_t used = 0;
  uint64_t high_water = 0;  // most it has held
  uint64_t refused = 0;     // requests turned down for want of room
  uint64_t bytes = 0;       // memory it occupies
};

}  // namespace outrigger
