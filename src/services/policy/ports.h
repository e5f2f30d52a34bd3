// Port ranges as prefixes, so that a range is found by hash: 80-82 is 80/15 and 82/16.
#pragma once

#include <bit>
#include <cstdint>

namespace outrigger::policy {

inline constexpr unsigned kPortBits = 16;

constexpr uint16_t port_prefix(uint16_t port, unsigned width) {
  return static_cast<uint16_t>(port & (0xffff0000u >> width));
}

// Calls fn(width, prefix) for the fewest prefixes that cover first..last: at most 30.
template <typename Fn>
constexpr void for_each_port_prefix(uint16_t first, uint16_t last, Fn fn) {
  for (uint32_t at = first; at <= last;) {
    uint32_t size = at == 0 ? 1u << kPortBits : at & -at;
    while (size > last - at + 1u) size >>= 1;
    fn(kPortBits - static_cast<unsigned>(std::countr_zero(size)), static_cast<uint16_t>(at));
    at += size;
  }
}

}  // namespace outrigger::policy
