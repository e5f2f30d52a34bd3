// Frames for answers, errors, probes and tests, without hand-counted offsets.  Lengths and checksums are filled in by
// finish().  Writes into memory the caller owns; never allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "packet/packet_info.h"

namespace outrigger::packet {

// Builder(buffer).ethernet(dst, src).ipv4(src, dst, ttl).udp(53, 1000).payload(bytes).finish() -> frame length, 0 when
// the buffer was too small.
class Builder {
 public:
  explicit Builder(std::span<uint8_t> buffer) : buffer_(buffer) {}

  Builder& ethernet(const MacAddress& destination, const MacAddress& source);  // the EtherType comes from what follows
  Builder& vlan(uint16_t id);
  Builder& arp(uint16_t operation, const MacAddress& sender_mac, IpAddress sender, const MacAddress& target_mac,
               IpAddress target);
  Builder& ip(IpAddress source, IpAddress destination, uint8_t ttl = 64);  // either family
  Builder& dont_fragment();                                                // on the IPv4 header just written
  Builder& fragment(uint16_t id, uint16_t offset_bytes, bool more);        // IPv4 fields, or an IPv6 fragment header
  Builder& udp(uint16_t source, uint16_t destination);
  Builder& tcp(uint16_t source, uint16_t destination, uint8_t flags, uint32_t seq = 0, uint32_t ack = 0,
               uint16_t window = 65535);
  Builder& sctp(uint16_t source, uint16_t destination, uint32_t tag = 0);
  Builder& icmp(uint8_t type, uint8_t code, uint32_t rest = 0);  // ICMP or ICMPv6 by the IP header before it
  Builder& protocol(uint8_t number);                             // an IP payload of another protocol
  Builder& vxlan(Vni vni);                                       // after udp()
  Builder& geneve(Vni vni);
  Builder& payload(std::span<const uint8_t> bytes);
  Builder& zeros(size_t count);
  size_t finish();

 private:
  std::span<uint8_t> buffer_;
};

}  // namespace outrigger::packet
