// The common packet in a straight line: untagged IPv4 without options or fragments, TCP or UDP, nothing wrong
// with it. Anything else, and anything suspicious, goes to the complete parser.  Both give the same
// PacketInfo; parser_fuzz holds them to it.  For the engine's burst loop; everyone else includes parser.h.
#pragma once

#include "base/bytes.h"
#include "packet/parser.h"
#include "packet/tcp_flags.h"
#include "packet/wire.h"

namespace outrigger::packet {

// The reference: every packet, out of line.
void parse_complete(std::span<const uint8_t> frame, Vni vni, PacketInfo& info);

namespace detail {

// 0/8 and 127/8 are for no wire; as a source neither is 224/3.  What may be legal after all (DHCP, class E)
// is decided by the complete parser.
inline bool ordinary_addresses(uint32_t source, uint32_t destination) {
  const uint32_t from = source >> 24, to = destination >> 24;
  return from - 1 < 223 && from != 127 && to != 0 && to != 127;
}

inline bool ipv4_checksum_right(const uint8_t* ip) {
  uint64_t total = load_raw<uint32_t>(ip + 16);
  total += uint64_t{load_raw<uint32_t>(ip)} + load_raw<uint32_t>(ip + 4);
  total += uint64_t{load_raw<uint32_t>(ip + 8)} + load_raw<uint32_t>(ip + 12);
  // Ones' complement: the sum is right when it is a multiple of 0xffff, and it is not zero: the version is in
  // it.
  return total % 0xffff == 0;
}

// Whether the transport header at `l4` is complete and sound; `left` bytes of packet begin there.
inline bool transport_sound(uint8_t protocol, const uint8_t* l4, uint32_t left, uint8_t* flags) {
  if (protocol == kTcp) {
    if (left < kTcpHeader) return false;
    const uint32_t header = (l4[12] >> 4) * 4u;
    *flags = l4[13] & 0x3f;
    return header >= kTcpHeader && header <= left && tcp_flags_usual(l4[13]);
  }
  *flags = 0;
  if (protocol != kUdp || left < kUdpHeader) return false;
  const uint32_t length = load_be16(l4 + 4);
  return length >= kUdpHeader && length <= left;
}

// False: not the common packet, and `info` is untouched.
inline bool parse_common(std::span<const uint8_t> frame, Vni vni, PacketInfo& info) {
  constexpr size_t kL3 = kEthernetHeader, kL4 = kL3 + kIpv4Header;
  if (frame.size() < kL4 + kUdpHeader) return false;
  const uint8_t* data = frame.data();
  const uint8_t* ip = data + kL3;
  const uint32_t ip_length = load_be16(ip + 2);
  const uint16_t fragment = load_be16(ip + 6);
  if (load_be16(data + 12) != kEtherIpv4 || ip[0] != 0x45) return false;
  if (ip_length < kIpv4Header || ip_length + kL3 > frame.size() || ip_length + kL3 > 0xffff) return false;
  if ((fragment & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0 || !ipv4_checksum_right(ip)) return false;

  const uint32_t source = load_be32(ip + 12), destination = load_be32(ip + 16);
  if (!ordinary_addresses(source, destination)) return false;
  uint8_t flags = 0;
  if (!transport_sound(ip[9], data + kL4, ip_length - kIpv4Header, &flags)) return false;

  // An end is (address, port): one comparison orders both.
  const uint64_t from = uint64_t{source} << 16 | load_be16(data + kL4);
  const uint64_t to = uint64_t{destination} << 16 | load_be16(data + kL4 + 2);
  const bool reverse = from > to;
  const uint64_t a = reverse ? to : from, b = reverse ? from : to;
  info = PacketInfo{};
  info.key = {IpAddress::v4(static_cast<uint32_t>(a >> 16)), IpAddress::v4(static_cast<uint32_t>(b >> 16)),
              static_cast<uint16_t>(a), static_cast<uint16_t>(b), vni.value() << 8 | ip[9]};
  info.hash = hash(info.key);
  info.length = static_cast<uint16_t>(ip_length + kL3);
  info.l4_offset = kL4;
  info.kind = Kind::kFlow;
  info.tcp_flags = flags;
  info.ttl = ip[8];
  info.reverse = reverse;
  info.dont_fragment = (fragment & kIpv4DontFragment) != 0;
  info.l2_multicast = (data[0] & 1) != 0;
  return true;
}

}  // namespace detail

inline void parse_inline(std::span<const uint8_t> frame, Vni vni, PacketInfo& info) {
  if (!detail::parse_common(frame, vni, info)) [[unlikely]]
    parse_complete(frame, vni, info);
}

}  // namespace outrigger::packet
