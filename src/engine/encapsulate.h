// Puts a tunnel's outer headers before an inner frame: copy the template, fill in lengths, source port and
// checksum.
#pragma once

#include <rte_ip.h>
#include <rte_mbuf.h>

#include <cstring>

#include "engine/actions.h"
#include "packet/checksum.h"

namespace outrigger::engine {

inline uint16_t to_wire(uint16_t value) { return __builtin_bswap16(value); }

// RFC 7348 §5: the source port carries the flow's entropy, from the dynamic range.
inline uint16_t entropy_port(uint32_t hash) { return static_cast<uint16_t>(0xc000 | (hash >> 18)); }

// RFC 8200 §8.1: over IPv6 the UDP checksum is mandatory; a kernel's vxlan device refuses zero.
inline void write_udp6_checksum(rte_mbuf* packet, uint8_t* ip) {
  auto* header = reinterpret_cast<rte_ipv6_hdr*>(ip);
  uint16_t raw = 0;
  (void)rte_raw_cksum_mbuf(packet, 14 + 40, packet->pkt_len - 54, &raw);
  const uint32_t total = raw + uint32_t{rte_ipv6_phdr_cksum(header, 0)};
  const auto folded = static_cast<uint16_t>(~packet::fold(total));
  const uint16_t checksum = folded == 0 ? 0xffff : folded;
  std::memcpy(ip + 40 + 6, &checksum, 2);
}

// False when the buffer has no room in front (it has by construction).
inline bool encapsulate(rte_mbuf* packet, const Tunnel& tunnel, uint32_t hash) {
  const uint32_t inner = packet->pkt_len;
  auto* outer = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(packet, tunnel.header_length));
  if (outer == nullptr) [[unlikely]]
    return false;
  std::memcpy(outer, tunnel.header.data(), 48);
  uint8_t* const ip = outer + 14;
  const uint16_t udp_length = to_wire(static_cast<uint16_t>(inner + 16));
  const uint16_t source_port = to_wire(entropy_port(hash));
  if (!tunnel.ipv6) [[likely]] {
    std::memcpy(outer + 48, tunnel.header.data() + 48, 2);
    const uint16_t total = to_wire(static_cast<uint16_t>(inner + 36));
    const auto checksum = static_cast<uint16_t>(~packet::fold(tunnel.checksum + total));
    std::memcpy(ip + 2, &total, 2);
    std::memcpy(ip + 10, &checksum, 2);
    std::memcpy(ip + 20, &source_port, 2);
    std::memcpy(ip + 24, &udp_length, 2);
    return true;
  }
  std::memcpy(outer + 48, tunnel.header.data() + 48, 22);
  std::memcpy(ip + 4, &udp_length, 2);
  std::memcpy(ip + 40, &source_port, 2);
  std::memcpy(ip + 44, &udp_length, 2);
  write_udp6_checksum(packet, ip);
  return true;
}

}  // namespace outrigger::engine
