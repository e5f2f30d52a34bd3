// What the parser found, once, for everyone downstream: one cache line a packet.
#pragma once

#include <cstdint>

#include "packet/drop.h"
#include "packet/flow_key.h"

namespace outrigger::packet {

inline constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpV6 = 58, kSctp = 132;

enum class Kind : uint8_t {
  kMalformed,  // see PacketInfo::drop
  kFlow,       // has a key: TCP, UDP, SCTP, ICMP echo, or another protocol by address pair
  kArp,        // source() and destination() are the sender's and the target's protocol addresses
  kNeighbour,  // ICMPv6 133..137 (ND, router discovery, redirect), length- and hop-limit-checked
  kIcmpError,  // key is the flow named inside the error, as the *error's* direction: see reverse
  kFragment,   // a later fragment: ports unknown until the fragment table supplies them
};

enum TcpFlag : uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32 };

struct alignas(64) PacketInfo {
  FlowKey key;
  uint32_t hash = 0;       // of the key, for every kind but kMalformed
  uint16_t length = 0;     // Ethernet header + IP total length: the frame without padding
  uint16_t l4_offset = 0;  // from the frame's first byte; 0 when there is none
  uint8_t l3_offset = 14;
  Kind kind = Kind::kMalformed;
  Drop drop = Drop::kNone;
  uint8_t tcp_flags = 0;
  uint8_t ttl = 0;           // TTL or hop limit
  uint8_t icmp_type = 0;     // ICMP and ICMPv6
  bool reverse : 1 = false;  // the packet's source is key.b (for kIcmpError: the *error* travels b -> a)
  bool ipv6 : 1 = false;
  bool dont_fragment : 1 = false;   // IPv4 DF; always true for IPv6
  bool first_fragment : 1 = false;  // offset 0 with more to come: has ports, is a kFlow
  bool more_fragments : 1 = false;
  bool l2_multicast : 1 = false;  // the destination MAC has the group bit
  bool ip_options : 1 = false;
  bool unused : 1 = false;        // fills the byte, so that it is written without being read
  uint16_t fragment_offset = 0;   // bytes
  uint16_t fragment_payload = 0;  // fragments: where the piece itself starts, from the frame's first byte
  uint32_t fragment_id = 0;       // fragments: the identification of the packet they are pieces of

  friend bool operator==(const PacketInfo&, const PacketInfo&) = default;
  [[nodiscard]] const IpAddress& source() const { return reverse ? key.b : key.a; }
  [[nodiscard]] const IpAddress& destination() const { return reverse ? key.a : key.b; }
  [[nodiscard]] uint16_t source_port() const { return reverse ? key.b_port : key.a_port; }
  [[nodiscard]] uint16_t destination_port() const { return reverse ? key.a_port : key.b_port; }
};
static_assert(sizeof(PacketInfo) == 64);

}  // namespace outrigger::packet
