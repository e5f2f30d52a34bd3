// What follows the IP headers: TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), ICMP (RFC 792), ICMPv6 (RFC
// 4443).
#include "base/bytes.h"
#include "packet/tcp_flags.h"
#include "packet/walk.h"
#include "packet/wire.h"

namespace outrigger::packet {
namespace {

Drop walk_tcp(Walk& walk) {
  if (walk.left() < kTcpHeader) return walk.short_of(Drop::kL4Truncated);
  const uint8_t* tcp = walk.here();
  const size_t header = (tcp[12] >> 4) * 4u;
  if (header < kTcpHeader) return Drop::kTcpHeaderLength;
  if (header > walk.left()) return walk.short_of(Drop::kTcpHeaderLength);
  walk.info.tcp_flags = tcp[13] & 0x3f;
  if (!tcp_flags_usual(tcp[13])) return Drop::kTcpFlags;
  walk.name(Kind::kFlow, load_be16(tcp), load_be16(tcp + 2));
  return Drop::kNone;
}

Drop walk_udp(Walk& walk) {
  if (walk.left() < kUdpHeader) return walk.short_of(Drop::kL4Truncated);
  const uint8_t* udp = walk.here();
  const uint16_t length = load_be16(udp + 4);
  // A first fragment's UDP length counts the later ones too.
  if (length < kUdpHeader || (length > walk.left() && !walk.info.first_fragment)) return Drop::kUdpLength;
  walk.name(Kind::kFlow, load_be16(udp), load_be16(udp + 2));
  return Drop::kNone;
}

Drop walk_sctp(Walk& walk) {
  if (walk.left() < kSctpHeader) return walk.short_of(Drop::kL4Truncated);
  walk.name(Kind::kFlow, load_be16(walk.here()), load_be16(walk.here() + 2));
  return Drop::kNone;
}

// RFC 1122 §3.2.1.3 and RFC 4291 §2.5.2: who has no address yet may ask for one, and nothing else.
bool may_lack_source(const PacketInfo& info) {
  if (info.kind == Kind::kNeighbour) return true;
  return info.kind == Kind::kFlow && info.key.protocol() == kUdp && !info.ipv6 && !info.first_fragment &&
         info.source_port() == kDhcpClientPort && info.destination_port() == kDhcpServerPort;
}

Drop walk_payload(Walk& walk) {
  if (walk.protocol == kTcp) return walk_tcp(walk);
  if (walk.protocol == kUdp) return walk_udp(walk);
  if (walk.protocol == kSctp) return walk_sctp(walk);
  // The other family's ICMP means nothing here; it is one more protocol by address pair.
  if (walk.protocol == (walk.info.ipv6 ? kIcmpV6 : kIcmp)) return walk_icmp(walk);
  walk.name(Kind::kFlow);
  return Drop::kNone;
}

}  // namespace

Drop walk_transport(Walk& walk) {
  walk.info.l4_offset = static_cast<uint16_t>(walk.at);
  if (const Drop drop = walk_payload(walk); drop != Drop::kNone) return drop;
  if (walk.source.is_zero() && !may_lack_source(walk.info)) return Drop::kIpAddressInvalid;
  return Drop::kNone;
}

}  // namespace outrigger::packet
