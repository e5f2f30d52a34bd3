// ICMP and ICMPv6: echo is a flow, an error belongs to the flow inside it, neighbour discovery is checked.
#include "base/bytes.h"
#include "packet/walk.h"
#include "packet/wire.h"

namespace outrigger::packet {
namespace {

bool is_error(bool ipv6, uint8_t type) {
  if (ipv6) return type < 128;                                             // RFC 4443 §2.1
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;  // RFC 1122 §3.2.2
}

bool is_echo(bool ipv6, uint8_t type) {
  if (ipv6) return type == kEchoRequestV6 || type == kEchoReplyV6;
  return type == kEchoRequest || type == kEchoReply;
}

// The packet an error is about, as much of it as came along.
struct Inner {
  std::span<const uint8_t> rest;  // after the IP headers
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  bool later_fragment = false;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

// Lengths and checksum inside are the sender's business: it may have cut the packet, and routers have
// rewritten it.
bool read_inner_ipv4(std::span<const uint8_t> packet, Inner& inner) {
  if (packet.size() < kIpv4Header || packet[0] >> 4 != 4) return false;
  const size_t header = (packet[0] & 15u) * 4;
  if (header < kIpv4Header || header > packet.size()) return false;
  inner.source = IpAddress::load_v4(&packet[12]);
  inner.destination = IpAddress::load_v4(&packet[16]);
  inner.protocol = packet[9];
  inner.later_fragment = (load_be16(&packet[6]) & kIpv4OffsetMask) != 0;
  inner.rest = packet.subspan(header);
  return true;
}

bool read_inner_ipv6(std::span<const uint8_t> packet, Inner& inner) {
  constexpr unsigned kMaxExtensions = 6;
  if (packet.size() < kIpv6Header || packet[0] >> 4 != 6) return false;
  inner.source = IpAddress::load_v6(&packet[8]);
  inner.destination = IpAddress::load_v6(&packet[24]);
  inner.protocol = packet[6];
  inner.rest = packet.subspan(kIpv6Header);
  for (unsigned count = 0; count < kMaxExtensions && !inner.later_fragment; ++count) {
    const uint8_t type = inner.protocol;
    if (type != kHopByHop && type != kRouting && type != kFragmentHeader && type != kDestinationOptions)
      break;
    if (inner.rest.size() < 8) return false;
    const size_t length = type == kFragmentHeader ? kFragmentHeaderSize : 8u + inner.rest[1] * 8u;
    if (length > inner.rest.size()) return false;
    if (type == kFragmentHeader) inner.later_fragment = (load_be16(&inner.rest[2]) & kIpv6OffsetMask) != 0;
    inner.protocol = inner.rest[0];
    inner.rest = inner.rest.subspan(length);
  }
  return !inner.source.is_v4() && !inner.destination.is_v4();
}

// RFC 792 promises the first eight bytes after the inner IP header, and ports need no more.
Drop read_inner_ports(bool ipv6, Inner& inner) {
  if (inner.later_fragment) return Drop::kNone;
  const bool icmp = inner.protocol == (ipv6 ? kIcmpV6 : kIcmp);
  if (!icmp && inner.protocol != kTcp && inner.protocol != kUdp && inner.protocol != kSctp)
    return Drop::kNone;
  if (inner.rest.size() < 8) return Drop::kIcmpTruncated;
  if (!icmp) {
    inner.source_port = load_be16(&inner.rest[0]);
    inner.destination_port = load_be16(&inner.rest[2]);
    return Drop::kNone;
  }
  // RFC 1122 §3.2.2, RFC 4443 §2.4: no error is sent about an error.
  if (is_error(ipv6, inner.rest[0])) return Drop::kIcmpErrorNoSession;
  if (is_echo(ipv6, inner.rest[0])) inner.source_port = inner.destination_port = load_be16(&inner.rest[4]);
  return Drop::kNone;
}

Drop walk_icmp_error(Walk& walk) {
  if (walk.info.first_fragment) return Drop::kIcmpTruncated;
  Inner inner;
  const auto packet = walk.frame.subspan(walk.at + kIcmpHeader);
  const bool read = walk.info.ipv6 ? read_inner_ipv6(packet, inner) : read_inner_ipv4(packet, inner);
  if (!read) return Drop::kIcmpTruncated;
  if (const Drop drop = read_inner_ports(walk.info.ipv6, inner); drop != Drop::kNone) return drop;
  // Errors go to the sender of what they are about: anything else is no flow of the addressee.
  if (inner.source != walk.destination) return Drop::kIcmpErrorNoSession;
  // The error travels against the packet it is about.
  walk.name(Kind::kIcmpError, inner.destination, inner.source, inner.protocol, inner.destination_port,
            inner.source_port);
  return Drop::kNone;
}

}  // namespace

Drop walk_icmp(Walk& walk) {
  PacketInfo& info = walk.info;
  if (walk.left() < kIcmpHeader) return walk.short_of(Drop::kIcmpTruncated);
  info.icmp_type = walk.here()[0];
  if (is_error(info.ipv6, info.icmp_type)) return walk_icmp_error(walk);
  if (info.ipv6 && info.icmp_type >= kRouterSolicitation && info.icmp_type <= kRedirectV6) {
    if (const Drop drop = check_neighbour(walk); drop != Drop::kNone) return drop;
    walk.name(Kind::kNeighbour);
    return Drop::kNone;
  }
  const uint16_t identifier = is_echo(info.ipv6, info.icmp_type) ? load_be16(walk.here() + 4) : uint16_t{0};
  walk.name(Kind::kFlow, identifier, identifier);
  return Drop::kNone;
}

}  // namespace outrigger::packet
