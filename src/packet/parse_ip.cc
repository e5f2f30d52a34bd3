// IPv4 (RFC 791) and IPv6 (RFC 8200) headers of the complete parser.
#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/walk.h"
#include "packet/wire.h"

namespace outrigger::packet {
namespace {

constexpr unsigned kMaxExtensions = 6;  // headers
constexpr unsigned kMaxOptions = 32;    // in one header
constexpr size_t kMaxLength = 0xffff;   // of the frame, so that PacketInfo::length holds it

// Cuts the frame to the packet; padding is no part of it.
Drop cut(Walk& walk, size_t ip_length, size_t header) {
  const size_t length = walk.at + ip_length;
  if (ip_length < header || length > walk.frame.size() || length > kMaxLength) return Drop::kIpTotalLength;
  walk.frame = walk.frame.first(length);
  walk.info.length = static_cast<uint16_t>(length);
  return Drop::kNone;
}

Drop check_ipv4_options(std::span<const uint8_t> options) {
  constexpr uint8_t kEnd = 0, kNoOperation = 1, kLooseSourceRoute = 131, kStrictSourceRoute = 137;
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options[0] == kLooseSourceRoute || options[0] == kStrictSourceRoute) return Drop::kIpSourceRoute;
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return Drop::kIpSourceRoute;
    options = options.subspan(options[1]);
  }
  return Drop::kNone;
}

// Zero as a source is left to the transport, which knows DHCP and neighbour discovery.
bool addresses_valid_v4(IpAddress source, IpAddress destination) {
  const auto of_this_host = [](IpAddress address) {
    return address.v4_value() >> 24 == 0;
  };  // RFC 1122 §3.2.1.3
  if (source.is_multicast() || source.is_broadcast() || source.is_loopback()) return false;
  if (of_this_host(source) && !source.is_zero()) return false;
  return !destination.is_loopback() && !of_this_host(destination);
}

// A mapped address on the wire (RFC 4291 §2.5.5.2) would pass for the IPv4 address it maps.
bool addresses_valid_v6(IpAddress source, IpAddress destination) {
  if (source.is_v4() || source.is_multicast() || source.is_loopback()) return false;
  return !destination.is_v4() && !destination.is_loopback() && !destination.is_zero();
}

// Hop-by-hop and destination options: well-formed, few, no jumbo payload (RFC 2675).
bool options_valid(std::span<const uint8_t> options) {
  constexpr uint8_t kPad1 = 0, kJumbo = 0xc2;
  for (unsigned count = 0; !options.empty(); ++count) {
    if (count == kMaxOptions || options[0] == kJumbo) return false;
    if (options[0] == kPad1) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options.size() < 2u + options[1]) return false;
    options = options.subspan(2u + options[1]);
  }
  return true;
}

Drop walk_fragment_header(Walk& walk, bool* done) {
  PacketInfo& info = walk.info;
  if (walk.left() < kFragmentHeaderSize) return Drop::kIpv6Extension;
  const uint8_t* header = walk.here();
  const uint16_t word = load_be16(header + 2);
  walk.protocol = header[0];
  walk.at += kFragmentHeaderSize;
  info.fragment_offset = word & kIpv6OffsetMask;
  info.more_fragments = (word & kIpv6MoreFragments) != 0;
  if (info.fragment_offset != 0 || info.more_fragments) info.fragment_id = load_be32(header + 4);
  return walk_fragment(walk, done);
}

// Options and routing headers share their first two bytes: next header, length in eights beyond the first.
Drop walk_extension(Walk& walk) {
  if (walk.left() < 8) return walk.short_of(Drop::kIpv6Extension);
  const uint8_t* header = walk.here();
  const size_t length = 8u + header[1] * 8u;
  if (length > walk.left()) return walk.short_of(Drop::kIpv6Extension);
  if (walk.protocol == kRouting) {
    if (header[2] == 0 || header[3] != 0) return Drop::kIpv6RoutingHeader;  // type, segments left
  } else if (!options_valid({header + 2, length - 2})) {
    return Drop::kIpv6Extension;
  }
  walk.protocol = header[0];
  walk.at += length;
  return Drop::kNone;
}

Drop walk_extensions(Walk& walk, bool* done) {
  bool fragment_seen = false;
  for (unsigned count = 0;; ++count) {
    const uint8_t type = walk.protocol;
    if (type != kHopByHop && type != kRouting && type != kFragmentHeader && type != kDestinationOptions) {
      return Drop::kNone;
    }
    if (count == kMaxExtensions || (type == kHopByHop && count != 0)) return Drop::kIpv6Extension;
    if (type == kFragmentHeader && fragment_seen) return Drop::kIpv6Extension;
    fragment_seen |= type == kFragmentHeader;
    const Drop drop = type == kFragmentHeader ? walk_fragment_header(walk, done) : walk_extension(walk);
    if (drop != Drop::kNone || *done) return drop;
  }
}

}  // namespace

Drop walk_ipv4(Walk& walk) {
  PacketInfo& info = walk.info;
  if (walk.left() < kIpv4Header) return Drop::kFrameTooShort;
  const uint8_t* ip = walk.here();
  if (ip[0] >> 4 != 4) return Drop::kIpVersion;
  const size_t header = (ip[0] & 15u) * 4;
  if (header < kIpv4Header || header > walk.left()) return Drop::kIpHeaderLength;
  if (const Drop drop = cut(walk, load_be16(ip + 2), header); drop != Drop::kNone) return drop;
  if (fold(sum({ip, header})) != 0xffff) return Drop::kIpChecksum;
  if (const Drop drop = check_ipv4_options({ip + kIpv4Header, header - kIpv4Header}); drop != Drop::kNone)
    return drop;

  walk.source = IpAddress::load_v4(ip + 12);
  walk.destination = IpAddress::load_v4(ip + 16);
  if (!addresses_valid_v4(walk.source, walk.destination)) return Drop::kIpAddressInvalid;
  const uint16_t word = load_be16(ip + 6);
  info.ttl = ip[8];
  info.ip_options = header > kIpv4Header;
  info.dont_fragment = (word & kIpv4DontFragment) != 0;
  info.more_fragments = (word & kIpv4MoreFragments) != 0;
  info.fragment_offset = static_cast<uint16_t>((word & kIpv4OffsetMask) * 8);
  if (info.more_fragments || info.fragment_offset != 0) info.fragment_id = load_be16(ip + 4);
  walk.protocol = ip[9];
  walk.at += header;

  bool done = false;
  if (const Drop drop = walk_fragment(walk, &done); drop != Drop::kNone) return drop;
  if (done) return walk.source.is_zero() ? Drop::kIpAddressInvalid : Drop::kNone;
  return walk_transport(walk);
}

Drop walk_ipv6(Walk& walk) {
  PacketInfo& info = walk.info;
  if (walk.left() < kIpv6Header) return Drop::kFrameTooShort;
  const uint8_t* ip = walk.here();
  if (ip[0] >> 4 != 6) return Drop::kIpVersion;
  if (const Drop drop = cut(walk, kIpv6Header + load_be16(ip + 4), kIpv6Header); drop != Drop::kNone)
    return drop;
  walk.source = IpAddress::load_v6(ip + 8);
  walk.destination = IpAddress::load_v6(ip + 24);
  if (!addresses_valid_v6(walk.source, walk.destination)) return Drop::kIpAddressInvalid;
  info.ipv6 = true;
  info.dont_fragment = true;
  info.ttl = ip[7];
  walk.protocol = ip[6];
  walk.at += kIpv6Header;

  bool done = false;
  if (const Drop drop = walk_extensions(walk, &done); drop != Drop::kNone) return drop;
  if (done) return walk.source.is_zero() ? Drop::kIpAddressInvalid : Drop::kNone;
  return walk_transport(walk);
}

}  // namespace outrigger::packet
