// The name of a bidirectional flow: 40 bytes, the same for both directions, both families, any transport.
//
// The two ends are ordered by (address, port), so that a packet and its answer have one key; which of the two
// a packet travels is one bit beside it (PacketInfo::reverse).  ICMP echo uses its identifier as both ports;
// SCTP its ports; every other protocol zero.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/id.h"

namespace outrigger::packet {

struct FlowKey {
  IpAddress a;  // the smaller end
  IpAddress b;
  uint16_t a_port = 0;  // host order
  uint16_t b_port = 0;
  uint32_t vni_protocol = 0;  // VNI << 8 | IP protocol

  [[nodiscard]] constexpr uint8_t protocol() const { return static_cast<uint8_t>(vni_protocol); }
  [[nodiscard]] constexpr Vni vni() const { return Vni(vni_protocol >> 8); }
  friend constexpr bool operator==(const FlowKey&, const FlowKey&) = default;

  // The key of a packet from source to destination; *reverse says whether its source is end b.
  static constexpr FlowKey make(Vni vni, uint8_t protocol, IpAddress source, IpAddress destination,
                                uint16_t source_port, uint16_t destination_port, bool* reverse) {
    const bool swap = source > destination || (source == destination && source_port > destination_port);
    *reverse = swap;
    const uint32_t tail = vni.value() << 8 | protocol;
    if (swap) return {destination, source, destination_port, source_port, tail};
    return {source, destination, source_port, destination_port, tail};
  }
};
static_assert(sizeof(FlowKey) == 40);

// 32 bits over the whole key; equal for both directions because the key is.  Used for the session index, the
// owning worker and the tunnel's source-port entropy, each from other bits.
//
// A linear combination of the four address words (IPv4's upper two are zero and cost nothing once inlined),
// then one 64 x 64 -> 128 multiplication with ports, VNI and protocol, folded, then one to spread it.
// Multiplications rather than CRC instructions: one form gives the same value on every machine.  It is no
// secret and resists no adversary: tables must stay bounded when many keys collide.
inline uint32_t hash(const FlowKey& key) {
  __extension__ using Wide = unsigned __int128;
  constexpr uint64_t kAHi = 0x51afd7ed558ccd6d, kBLo = 0xd6e8feb86659fd93, kBHi = 0xa5b4c39d2e6b7149,
                     kSeed1 = 0xceb9fe1a85ec53e5, kSeed2 = 0x9e3779b97f4a7c15, kSpread = 0xc4ceb9fe1a85ec53;
  const uint64_t addresses = key.a.lo + key.a.hi * kAHi + key.b.lo * kBLo + key.b.hi * kBHi;
  const uint64_t tail = uint64_t{key.a_port} << 48 | uint64_t{key.b_port} << 32 | key.vni_protocol;
  const Wide product = static_cast<Wide>(addresses ^ kSeed1) * (tail ^ kSeed2);
  const uint64_t folded = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  return static_cast<uint32_t>((folded * kSpread) >> 32);
}

}  // namespace outrigger::packet
