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

namespace detail {
inline uint64_t multiply_fold(uint64_t x, uint64_t y) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}
}  // namespace detail

// 32 bits over the whole key; equal for both directions because the key is.  Used for the session index, the
// owning worker and the tunnel's source-port entropy, each from other bits.
// Portable multiplication (64 x 64 -> 128 bits, folded) rather than a CRC: one form gives the same value
// everywhere.
inline uint32_t hash(const FlowKey& key) {
  // Odd, irregular, and with a first byte no unicast address has, so that no sender can zero a factor with
  // its prefix.
  constexpr uint64_t kS1 = 0xff51afd7ed558ccd, kS2 = 0xffa5b4c39d2e6b71, kS3 = 0xffceb9fe1a85ec53,
                     kS4 = 0xff36d19c5b7e4a8d, kS5 = 0xff9e3779b97f4a7d;
  const uint64_t ports = uint64_t{key.a_port} << 16 | key.b_port;
  const uint64_t tail = ports << 32 | key.vni_protocol;
  const uint64_t a = detail::multiply_fold(key.a.hi ^ kS1, key.a.lo ^ kS2);
  const uint64_t b = detail::multiply_fold(key.b.hi ^ kS3, key.b.lo ^ kS4);
  const uint64_t all = detail::multiply_fold(a ^ tail, b ^ kS5);
  return static_cast<uint32_t>(all ^ (all >> 32));
}

}  // namespace outrigger::packet
