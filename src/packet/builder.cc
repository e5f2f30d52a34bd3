#include "packet/builder.h"

#include <algorithm>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/crc32c.h"
#include "packet/wire.h"

namespace outrigger::packet {

uint8_t* Builder::add(size_t size) {
  failed_ = failed_ || size > buffer_.size() - size_ || size_ + size > 0xffff;
  if (failed_) return nullptr;
  uint8_t* room = buffer_.data() + size_;
  std::fill_n(room, size, uint8_t{0});
  size_ += size;
  return room;
}

uint8_t* Builder::add_layer(LayerKind kind, size_t size) {
  failed_ = failed_ || count_ == kMaxLayers;
  const auto at = static_cast<uint16_t>(size_);
  uint8_t* room = add(size);
  if (room == nullptr) return nullptr;
  layers_[count_++] = {kind, at, ip_};
  return room;
}

void Builder::announce(uint16_t ether_type, uint8_t number) {
  if (next_type_ == 0 || failed_) return;
  if (next_is_ether_) {
    store_be16(&buffer_[next_type_], ether_type);
  } else {
    buffer_[next_type_] = number;
  }
  next_type_ = 0;
}

Builder& Builder::ethernet(const MacAddress& destination, const MacAddress& source) {
  uint8_t* header = add(kEthernetHeader);
  if (header == nullptr) return *this;
  destination.store(header);
  source.store(header + 6);
  next_type_ = size_ - 2;
  next_is_ether_ = true;
  return *this;
}

Builder& Builder::vlan(uint16_t id) {
  announce(kEtherVlan, 0);
  uint8_t* tag = add(4);
  if (tag == nullptr) return *this;
  store_be16(tag, id);
  next_type_ = size_ - 2;
  next_is_ether_ = true;
  return *this;
}

Builder& Builder::arp(uint16_t operation, const MacAddress& sender_mac, IpAddress sender,
                      const MacAddress& target_mac, IpAddress target) {
  announce(kEtherArp, 0);
  uint8_t* message = add(kArpMessage);
  if (message == nullptr) return *this;
  store_be64(message,
             0x0001'0800'0604'0000 | operation);  // RFC 826: Ethernet, IPv4, and their address lengths
  sender_mac.store(message + 8);
  sender.store_v4(message + 14);
  target_mac.store(message + 18);
  target.store_v4(message + 24);
  return *this;
}

Builder& Builder::ip(IpAddress source, IpAddress destination, uint8_t ttl) {
  constexpr uint8_t kInIpv4 = 4, kInIpv6 = 41;
  const bool v4 = source.is_v4();
  announce(v4 ? kEtherIpv4 : kEtherIpv6, v4 ? kInIpv4 : kInIpv6);
  uint8_t* header =
      v4 ? add_layer(LayerKind::kIsIpv4, kIpv4Header) : add_layer(LayerKind::kIsIpv6, kIpv6Header);
  if (header == nullptr) return *this;
  ip_ = static_cast<uint8_t>(count_ - 1);
  next_is_ether_ = false;
  if (v4) {
    header[0] = 0x45;
    header[8] = ttl;
    source.store_v4(header + 12);
    destination.store_v4(header + 16);
  } else {
    header[0] = 0x60;
    header[7] = ttl;
    source.store_v6(header + 8);
    destination.store_v6(header + 24);
  }
  next_type_ = layers_[ip_].at + (v4 ? 9 : 6);
  return *this;
}

Builder& Builder::dont_fragment() {
  if (failed_ || ip_ == kNoLayer || layers_[ip_].kind != LayerKind::kIsIpv4) return *this;
  buffer_[layers_[ip_].at + 6] |= kIpv4DontFragment >> 8;
  return *this;
}

Builder& Builder::fragment(uint16_t id, uint16_t offset_bytes, bool more) {
  if (failed_ || ip_ == kNoLayer) return *this;
  if (layers_[ip_].kind == LayerKind::kIsIpv4) {
    uint8_t* header = &buffer_[layers_[ip_].at];
    store_be16(header + 4, id);
    store_be16(header + 6, static_cast<uint16_t>(offset_bytes / 8 | (more ? kIpv4MoreFragments : 0)));
    return *this;
  }
  announce(0, kFragmentHeader);
  uint8_t* header = add_layer(LayerKind::kIsFragment, kFragmentHeaderSize);
  if (header == nullptr) return *this;
  store_be16(header + 2,
             static_cast<uint16_t>((offset_bytes & kIpv6OffsetMask) | (more ? kIpv6MoreFragments : 0)));
  store_be32(header + 4, id);
  next_type_ = size_ - kFragmentHeaderSize;
  return *this;
}

uint8_t* Builder::add_transport(LayerKind kind, uint8_t number, size_t size) {
  announce(0, number);
  return add_layer(kind, size);
}

Builder& Builder::udp(uint16_t source, uint16_t destination) {
  uint8_t* header = add_transport(LayerKind::kIsUdp, kUdp, kUdpHeader);
  if (header == nullptr) return *this;
  store_be16(header, source);
  store_be16(header + 2, destination);
  return *this;
}

Builder& Builder::tcp(uint16_t source, uint16_t destination, uint8_t flags, uint32_t seq, uint32_t ack,
                      uint16_t window) {
  uint8_t* header = add_transport(LayerKind::kIsTcp, kTcp, kTcpHeader);
  if (header == nullptr) return *this;
  store_be16(header, source);
  store_be16(header + 2, destination);
  store_be32(header + 4, seq);
  store_be32(header + 8, ack);
  header[12] = kTcpHeader / 4 << 4;
  header[13] = flags;
  store_be16(header + 14, window);
  return *this;
}

Builder& Builder::sctp(uint16_t source, uint16_t destination, uint32_t tag) {
  uint8_t* header = add_transport(LayerKind::kIsSctp, kSctp, kSctpHeader);
  if (header == nullptr) return *this;
  store_be16(header, source);
  store_be16(header + 2, destination);
  store_be32(header + 4, tag);
  return *this;
}

Builder& Builder::icmp(uint8_t type, uint8_t code, uint32_t rest) {
  const bool v6 = ip_ != kNoLayer && layers_[ip_].kind == LayerKind::kIsIpv6;
  uint8_t* header = v6 ? add_transport(LayerKind::kIsIcmpV6, kIcmpV6, kIcmpHeader)
                       : add_transport(LayerKind::kIsIcmp, kIcmp, kIcmpHeader);
  if (header == nullptr) return *this;
  header[0] = type;
  header[1] = code;
  store_be32(header + 4, rest);
  return *this;
}

Builder& Builder::protocol(uint8_t number) {
  announce(0, number);
  return *this;
}

// VXLAN (RFC 7348 §5) and Geneve (RFC 8926 §3.4) without options agree on where the VNI is.
Builder& Builder::tunnel(uint8_t flags, uint16_t inner_type, Vni vni) {
  if (count_ > 0 && layers_[count_ - 1].kind == LayerKind::kIsUdp)
    layers_[count_ - 1].kind = LayerKind::kIsTunnelUdp;
  uint8_t* header = add(kTunnelHeader);
  if (header == nullptr) return *this;
  header[0] = flags;
  store_be16(header + 2, inner_type);
  store_be32(header + 4, vni.value() << 8);
  return *this;
}

Builder& Builder::vxlan(Vni vni) { return tunnel(0x08, 0, vni); }
Builder& Builder::geneve(Vni vni) { return tunnel(0, 0x6558, vni); }

Builder& Builder::checksummed() {
  for (Layer& layer : std::span(layers_).first(count_)) {
    if (layer.kind == LayerKind::kIsTunnelUdp) layer.kind = LayerKind::kIsUdp;
  }
  return *this;
}

Builder& Builder::payload(std::span<const uint8_t> bytes) {
  uint8_t* room = add(bytes.size());
  if (room != nullptr) std::copy(bytes.begin(), bytes.end(), room);
  return *this;
}

Builder& Builder::zeros(size_t count) {
  add(count);
  return *this;
}

void Builder::finish_checksum(const Layer& layer, size_t field, uint8_t number) {
  uint8_t* at = &buffer_[layer.at];
  store_raw<uint16_t>(at + field, 0);
  const std::span<const uint8_t> segment = buffer_.subspan(layer.at, size_ - layer.at);
  uint16_t checksum = 0;
  if (number == kIcmp) {
    checksum = static_cast<uint16_t>(~fold(sum(segment)));
  } else if (layer.ip != kNoLayer) {
    const uint8_t* header = &buffer_[layers_[layer.ip].at];
    const bool v4 = layers_[layer.ip].kind == LayerKind::kIsIpv4;
    const IpAddress source = v4 ? IpAddress::load_v4(header + 12) : IpAddress::load_v6(header + 8);
    const IpAddress destination = v4 ? IpAddress::load_v4(header + 16) : IpAddress::load_v6(header + 24);
    checksum = transport_checksum(source, destination, number, segment);
  }
  if (number == kUdp && checksum == 0) checksum = 0xffff;  // RFC 768: zero says there is none
  store_raw(at + field, checksum);
}

void Builder::finish_layer(const Layer& layer) {
  uint8_t* header = &buffer_[layer.at];
  const auto length = static_cast<uint16_t>(size_ - layer.at);
  switch (layer.kind) {
    case LayerKind::kIsIpv4:
      store_be16(header + 2, length);
      store_raw<uint16_t>(header + 10, 0);
      store_raw(header + 10, static_cast<uint16_t>(~fold(sum({header, kIpv4Header}))));
      break;
    case LayerKind::kIsIpv6:
      store_be16(header + 4, static_cast<uint16_t>(length - kIpv6Header));
      break;
    case LayerKind::kIsFragment:
      break;
    case LayerKind::kIsTcp:
      finish_checksum(layer, 16, kTcp);
      break;
    case LayerKind::kIsUdp:
      store_be16(header + 4, length);
      finish_checksum(layer, 6, kUdp);
      break;
    case LayerKind::kIsTunnelUdp:
      store_be16(header + 4, length);
      break;
    case LayerKind::kIsSctp:
      store_raw<uint32_t>(header + 8, 0);
      store_raw(header + 8, crc32c(buffer_.subspan(layer.at, length)));  // RFC 9260 §6.8 and appendix A
      break;
    case LayerKind::kIsIcmp:
      finish_checksum(layer, 2, kIcmp);
      break;
    case LayerKind::kIsIcmpV6:
      finish_checksum(layer, 2, kIcmpV6);
      break;
  }
}

size_t Builder::finish() {
  if (failed_) return 0;
  // Inside out: an outer checksum covers the inner ones.
  for (size_t i = count_; i-- > 0;) finish_layer(layers_[i]);
  return size_;
}

}  // namespace outrigger::packet
