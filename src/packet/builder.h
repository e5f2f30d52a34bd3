// Frames for answers, errors, probes and tests, without hand-counted offsets.  Lengths and checksums are
// filled in by finish().  Writes into memory the caller owns; never allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "packet/packet_info.h"

namespace outrigger::packet {

// Builder(buffer).ethernet(dst, src).ipv4(src, dst, ttl).udp(53, 1000).payload(bytes).finish() -> frame
// length, 0 when the buffer was too small.
class Builder {
 public:
  explicit Builder(std::span<uint8_t> buffer) : buffer_(buffer) {}

  Builder& ethernet(const MacAddress& destination,
                    const MacAddress& source);  // the EtherType comes from what follows
  Builder& vlan(uint16_t id);
  Builder& arp(uint16_t operation, const MacAddress& sender_mac, IpAddress sender,
               const MacAddress& target_mac, IpAddress target);
  Builder& ip(IpAddress source, IpAddress destination, uint8_t ttl = 64);  // either family
  Builder& dont_fragment();                                                // on the IPv4 header just written
  Builder& fragment(uint16_t id, uint16_t offset_bytes,
                    bool more);  // IPv4 fields, or an IPv6 fragment header
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
  Builder& checksummed();  // a UDP checksum under a tunnel, which omits it
  size_t finish();

 private:
  enum class LayerKind : uint8_t {
    kIsIpv4,
    kIsIpv6,
    kIsFragment,
    kIsTcp,
    kIsUdp,
    kIsTunnelUdp,
    kIsSctp,
    kIsIcmp,
    kIsIcmpV6
  };
  struct Layer {
    LayerKind kind{};
    uint16_t at = 0;        // offset of the header
    uint8_t ip = kNoLayer;  // the IP layer that carries a transport
  };
  static constexpr uint8_t kNoLayer = 0xff;
  static constexpr size_t kMaxLayers = 16;

  uint8_t* add(size_t size);  // zeroed room at the end; null when there is none
  uint8_t* add_layer(LayerKind kind, size_t size);
  void announce(uint16_t ether_type, uint8_t number);  // tells the header before what follows it
  uint8_t* add_transport(LayerKind kind, uint8_t number, size_t size);
  Builder& tunnel(uint8_t flags, uint16_t inner_type, Vni vni);
  void finish_layer(const Layer& layer);
  void finish_checksum(const Layer& layer, size_t field, uint8_t number);

  std::span<uint8_t> buffer_;
  size_t size_ = 0;
  size_t next_type_ = 0;  // offset of the field that names what follows; 0: none does
  bool next_is_ether_ = false;
  bool failed_ = false;
  uint8_t ip_ = kNoLayer;  // the innermost IP layer so far
  uint8_t count_ = 0;
  Layer layers_[kMaxLayers];
};

}  // namespace outrigger::packet
