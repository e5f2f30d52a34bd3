// A TCP segment as the tracker needs it, and arithmetic on sequence numbers (RFC 9293 §3.4).
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

struct TcpSegment {
  uint32_t seq;
  uint32_t end;  // the sequence number after it; SYN and FIN count one each
  uint32_t ack;
  uint16_t window;  // as on the wire
  uint8_t flags;
  bool cut;  // a first fragment: its true end is not known, and `end` is the latest it can be

  [[nodiscard]] bool has(uint8_t flag) const { return (flags & flag) != 0; }
};

constexpr bool at_or_before(uint32_t one, uint32_t two) { return static_cast<int32_t>(two - one) >= 0; }
constexpr bool before(uint32_t one, uint32_t two) { return static_cast<int32_t>(two - one) > 0; }

inline uint32_t tcp_header_length(const uint8_t* tcp) { return (tcp[12] >> 4) * 4u; }

inline TcpSegment tcp_segment(const packet::PacketInfo& info, const uint8_t* tcp, uint32_t length) {
  const uint32_t header = tcp_header_length(tcp);
  const uint32_t payload = info.first_fragment ? 0xffff - header : (length > header ? length - header : 0);
  const uint8_t flags = info.tcp_flags;
  const uint32_t seq = load_be32(tcp + 4);
  const uint32_t counted = (flags >> 1 & 1u) + (flags & 1u);  // SYN, FIN
  return {seq, seq + payload + counted, load_be32(tcp + 8), load_be16(tcp + 14), flags, info.first_fragment};
}

// The window scale option of a SYN (RFC 7323 §2): 0 to 14, or -1 when it has none.  Reads the header only,
// and no more than `length` bytes of it.
inline int tcp_window_scale(const uint8_t* tcp, uint32_t length) {
  const uint32_t header = tcp_header_length(tcp);
  const uint32_t end = header < length ? header : length;
  for (uint32_t at = 20; at < end;) {
    const uint8_t kind = tcp[at];
    if (kind == 0) break;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 2 > end || tcp[at + 1] < 2 || at + tcp[at + 1] > end) break;
    if (kind == 3 && tcp[at + 1] == 3) return tcp[at + 2] < 14 ? tcp[at + 2] : 14;
    at += tcp[at + 1];
  }
  return -1;
}

}  // namespace outrigger::engine
