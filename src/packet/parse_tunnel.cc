// Outer headers of what the fabric delivers.  Order of the questions: is it for a tunnel at all (if not, the
// slow path's), and only then, is it right.
#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/parser.h"
#include "packet/wire.h"

namespace outrigger::packet {
namespace {

constexpr uint16_t kTransparentEthernet = 0x6558;  // Geneve protocol type, RFC 8926 §3.4

bool is_tunnel_port(uint16_t port) { return port == kVxlanPort || port == kGenevePort; }

// The UDP part of the outer packet, found but not yet believed.
struct Outer {
  std::span<const uint8_t> segment;  // UDP header and all, to the end of the IP packet
  size_t at = 0;                     // of the UDP header, from the frame's first byte
  enum class What : uint8_t { kOther, kUdp, kLaterFragment } what = What::kOther;
  bool sound = true;  // lengths and IPv4 checksum
  bool fragmented = false;
};

// UDP over an IP packet of `ip_length` bytes that begins at byte 14.
Outer locate(std::span<const uint8_t> frame, size_t at, size_t ip_length) {
  Outer outer;
  outer.at = at;
  outer.what = Outer::What::kUdp;
  const size_t end = kEthernetHeader + ip_length;
  outer.sound = end >= at && end <= frame.size();
  outer.segment = frame.subspan(at, (outer.sound ? end : frame.size()) - at);
  return outer;
}

Outer read_ipv4(std::span<const uint8_t> frame, TunnelInfo& info) {
  if (frame.size() < kEthernetHeader + kIpv4Header) return {};
  const uint8_t* ip = &frame[kEthernetHeader];
  const size_t header = (ip[0] & 15u) * 4;
  if (ip[0] >> 4 != 4 || ip[9] != kUdp || header < kIpv4Header) return {};
  if (kEthernetHeader + header > frame.size()) return {};
  info.source = IpAddress::load_v4(ip + 12);
  info.destination = IpAddress::load_v4(ip + 16);
  Outer outer = locate(frame, kEthernetHeader + header, load_be16(ip + 2));
  outer.sound = outer.sound && fold(sum({ip, header})) == 0xffff;
  const uint16_t word = load_be16(ip + 6);
  outer.fragmented = (word & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0;
  if ((word & kIpv4OffsetMask) != 0) outer.what = Outer::What::kLaterFragment;
  return outer;
}

Outer read_ipv6(std::span<const uint8_t> frame, TunnelInfo& info) {
  constexpr size_t kPayload = kEthernetHeader + kIpv6Header;
  if (frame.size() < kPayload) return {};
  const uint8_t* ip = &frame[kEthernetHeader];
  if (ip[0] >> 4 != 6 || (ip[6] != kUdp && ip[6] != kFragmentHeader)) return {};
  info.source = IpAddress::load_v6(ip + 8);
  info.destination = IpAddress::load_v6(ip + 24);
  const size_t ip_length = kIpv6Header + load_be16(ip + 4);
  if (ip[6] == kUdp) return locate(frame, kPayload, ip_length);
  if (frame.size() < kPayload + kFragmentHeaderSize || frame[kPayload] != kUdp) return {};
  Outer outer = locate(frame, kPayload + kFragmentHeaderSize, ip_length);
  outer.fragmented = true;
  if ((load_be16(&frame[kPayload + 2]) & kIpv6OffsetMask) != 0) outer.what = Outer::What::kLaterFragment;
  return outer;
}

// Well-formed and none critical (RFC 8926 §3.5).
bool geneve_options_valid(std::span<const uint8_t> options) {
  while (!options.empty()) {
    const size_t length = 4u + (options[3] & 0x1fu) * 4u;
    if (length > options.size() || (options[2] & 0x80) != 0) return false;
    options = options.subspan(length);
  }
  return true;
}

// Bytes of the tunnel header at `header`; 0 when it may not be taken.
size_t tunnel_header(std::span<const uint8_t> header, TunnelType type) {
  constexpr uint8_t kVniPresent = 0x08;                 // VXLAN's I flag
  constexpr uint8_t kControl = 0x80, kCritical = 0x40;  // Geneve's O and C bits
  if (header.size() < kTunnelHeader) return 0;
  if (type == TunnelType::kVxlan) return (header[0] & kVniPresent) != 0 ? kTunnelHeader : 0;
  const size_t options = (header[0] & 0x3fu) * 4u;
  if (header[0] >> 6 != 0 || (header[1] & (kControl | kCritical)) != 0) return 0;
  if (load_be16(&header[2]) != kTransparentEthernet || header.size() < kTunnelHeader + options) return 0;
  if (options != 0 && !geneve_options_valid(header.subspan(kTunnelHeader, options))) return 0;
  return kTunnelHeader + options;
}

// Zero says there is none, which RFC 6935 allows a tunnel over IPv6 too.
[[gnu::noinline]] bool udp_checksum_right(const Outer& outer, const TunnelInfo& info) {
  return transport_checksum(info.source, info.destination, kUdp, outer.segment) == 0;
}

Drop read_tunnel(const Outer& outer, TunnelInfo& info) {
  if (outer.fragmented) return Drop::kTunnelFragmented;
  if (!outer.sound || load_be16(&outer.segment[4]) != outer.segment.size()) return Drop::kTunnelMalformed;
  const size_t header = tunnel_header(outer.segment.subspan(kUdpHeader), info.type);
  const size_t before = kUdpHeader + header;
  if (header == 0 || outer.segment.size() < before + kEthernetHeader) return Drop::kTunnelMalformed;
  if (load_raw<uint16_t>(&outer.segment[6]) != 0 && !udp_checksum_right(outer, info))
    return Drop::kTunnelMalformed;
  info.vni = Vni(load_be32(&outer.segment[kUdpHeader + 4]) >> 8);
  info.inner_offset = static_cast<uint16_t>(outer.at + before);
  info.inner_length = static_cast<uint16_t>(outer.segment.size() - before);
  return Drop::kNone;
}

}  // namespace

TunnelInfo parse_tunnel(std::span<const uint8_t> frame) {
  TunnelInfo info;
  if (frame.size() < kEthernetHeader) return info;
  const uint16_t ether_type = load_be16(&frame[12]);
  Outer outer;
  if (ether_type == kEtherIpv4) {
    outer = read_ipv4(frame, info);
  } else if (ether_type == kEtherIpv6) {
    outer = read_ipv6(frame, info);
  }
  if (outer.what == Outer::What::kOther) return info;
  if (outer.what == Outer::What::kLaterFragment) {
    info.drop = Drop::kTunnelFragmented;  // its port is unknown, and no other fragmented UDP is expected here
    return info;
  }
  if (outer.segment.size() < kUdpHeader) {
    info.drop = Drop::kTunnelMalformed;
    return info;
  }
  const uint16_t port = load_be16(&outer.segment[2]);
  if (!is_tunnel_port(port)) return info;
  info.type = port == kVxlanPort ? TunnelType::kVxlan : TunnelType::kGeneve;
  info.drop = read_tunnel(outer, info);
  return info;
}

}  // namespace outrigger::packet
