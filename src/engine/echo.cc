#include "engine/echo.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "packet/parser.h"

namespace outrigger::engine {

namespace {

constexpr uint8_t kRequest4 = 8, kReply4 = 0, kRequest6 = 128, kReply6 = 129;

bool is_request(std::span<const uint8_t> frame, const packet::PacketInfo& info) {
  if (info.kind != packet::Kind::kFlow || info.first_fragment) return false;
  const uint8_t protocol = info.key.protocol();
  if (protocol != (info.ipv6 ? packet::kIcmpV6 : packet::kIcmp)) return false;
  return frame[info.l4_offset] == (info.ipv6 ? kRequest6 : kRequest4);
}

}  // namespace

bool turn_into_reply(std::span<uint8_t> bytes) {
  packet::PacketInfo info;
  packet::parse(bytes, Vni(0), info);
  if (!is_request(bytes, info)) return false;
  uint8_t* const frame = bytes.data();
  std::swap_ranges(frame, frame + 6, frame + 6);
  uint8_t* const addresses = frame + info.l3_offset + (info.ipv6 ? 8 : 12);
  const size_t size = info.ipv6 ? 16 : 4;
  std::swap_ranges(addresses, addresses + size, addresses + size);
  uint8_t* const icmp = frame + info.l4_offset;
  // Only the type changes in what the checksum covers: HC' = ~(~HC + ~m + m'), RFC 1624 §3.
  uint16_t sum;
  std::memcpy(&sum, icmp + 2, 2);
  icmp[0] = info.ipv6 ? kReply6 : kReply4;
  uint32_t total = static_cast<uint16_t>(~__builtin_bswap16(sum));
  total += static_cast<uint16_t>(~((info.ipv6 ? kRequest6 : kRequest4) << 8));
  total += uint32_t{icmp[0]} << 8;
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  const uint16_t fresh = __builtin_bswap16(static_cast<uint16_t>(~total));
  std::memcpy(icmp + 2, &fresh, 2);
  return true;
}

}  // namespace outrigger::engine
