// The common packet in a straight line: untagged IPv4 without options or fragments, TCP or UDP, nothing wrong
// with it. Anything else, and anything suspicious, goes to the complete parser.  Both give the same
// PacketInfo; parser_fuzz holds them to it.  For the engine's burst loop; everyone else includes parser.h.
#pragma once

#include <bit>

#include "base/bytes.h"
#include "packet/parser.h"
#include "packet/tcp_flags.h"
#include "packet/wire.h"

namespace outrigger::packet {

// The reference: every packet, out of line.
void parse_complete(std::span<const uint8_t> frame, Vni vni, PacketInfo& info);

namespace detail {

// 0/8 and 127/8 are for no wire; as a source neither is 224/3.  What may be legal after all (DHCP, class E)
// is decided by the complete parser.  It orders equal ones by their ports, too.
inline bool ordinary_addresses(uint32_t source, uint32_t destination) {
  const uint32_t from = source >> 24, to = destination >> 24;
  return from - 1 < 223 && from != 127 && to != 0 && to != 127 && source != destination;
}

// The 20 bytes as 16-bit words sum to a multiple of 0xffff (RFC 1071 §1); so do wider words, since 2^16 is 1
// there.
inline bool ipv4_checksum_right(const uint8_t* ip) {
  uint64_t total = 0;
  const bool carry = __builtin_add_overflow(load_raw<uint64_t>(ip), load_raw<uint64_t>(ip + 8), &total);
  const uint64_t rest = uint64_t{load_raw<uint32_t>(ip + 16)} + carry;
  return ((total & 0xffffffff) + (total >> 32) + rest) % 0xffff == 0;
}

// Whether the transport header at `l4` is complete and sound; `left` bytes of packet begin there (it may be
// negative).
inline bool transport_sound(uint8_t protocol, const uint8_t* l4, int32_t left, uint8_t* flags) {
  if (protocol == kUdp) {
    const int32_t length = load_be16(l4 + 4);
    *flags = 0;
    return length >= int32_t{kUdpHeader} && length <= left;
  }
  if (protocol != kTcp || left < int32_t{kTcpHeader}) return false;
  const int32_t header = (l4[12] >> 4) * 4;
  *flags = l4[13] & 0x3f;
  return header >= int32_t{kTcpHeader} && header <= left && tcp_flags_usual(l4[13]);
}

// False: not the common packet, and `info` is untouched.
inline bool parse_common(std::span<const uint8_t> frame, Vni vni, PacketInfo& info) {
  constexpr size_t kL3 = kEthernetHeader, kL4 = kL3 + kIpv4Header;
  constexpr uint32_t kEtherIpv4NoOptions = 0x45'0008;  // EtherType, version and header length as loaded
  const size_t room = frame.size();
  if (room < kL4 + kUdpHeader || room > 0xffff) return false;
  const uint8_t* data = frame.data();
  const uint8_t* ip = data + kL3;
  const uint32_t length = kL3 + load_be16(ip + 2);
  const uint16_t fragment = load_be16(ip + 6);
  if ((load_raw<uint32_t>(data + 12) & 0xff'ffff) != kEtherIpv4NoOptions || length > room) return false;
  if ((fragment & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0 || !ipv4_checksum_right(ip)) return false;

  const uint64_t addresses = load_be64(ip + 12);
  const auto source = static_cast<uint32_t>(addresses >> 32), destination = static_cast<uint32_t>(addresses);
  if (!ordinary_addresses(source, destination)) return false;
  const uint8_t protocol = ip[9];
  uint8_t flags = 0;
  if (!transport_sound(protocol, data + kL4, static_cast<int32_t>(length - kL4), &flags)) return false;

  // Order the ends without a branch: which way a packet goes cannot be predicted.
  const bool reverse = source > destination;
  const uint32_t exchange = (source ^ destination) & -uint32_t{reverse};
  const uint32_t ports = std::rotl(load_be32(data + kL4), reverse * 16);
  const FlowKey key{IpAddress::v4(source ^ exchange), IpAddress::v4(destination ^ exchange),
                    static_cast<uint16_t>(ports >> 16), static_cast<uint16_t>(ports),
                    vni.value() << 8 | protocol};
  info = PacketInfo{.key = key,
                    .hash = hash(key),
                    .length = static_cast<uint16_t>(length),
                    .l4_offset = kL4,
                    .l3_offset = kL3,
                    .kind = Kind::kFlow,
                    .drop = Drop::kNone,
                    .tcp_flags = flags,
                    .ttl = ip[8],
                    .icmp_type = 0,
                    .reverse = reverse,
                    .ipv6 = false,
                    .dont_fragment = (fragment & kIpv4DontFragment) != 0,
                    .first_fragment = false,
                    .more_fragments = false,
                    .l2_multicast = (data[0] & 1) != 0,
                    .ip_options = false,
                    .unused = false,
                    .fragment_offset = 0,
                    .fragment_payload = 0,
                    .fragment_id = 0};
  return true;
}

}  // namespace detail

inline void parse_inline(std::span<const uint8_t> frame, Vni vni, PacketInfo& info) {
  if (!detail::parse_common(frame, vni, info)) [[unlikely]]
    parse_complete(frame, vni, info);
}

}  // namespace outrigger::packet
