#include "packet/parser.h"

#include "base/bytes.h"
#include "packet/parse_inline.h"
#include "packet/walk.h"
#include "packet/wire.h"

namespace outrigger::packet {
namespace {

Drop walk_ethernet(Walk& walk) {
  if (walk.frame.size() < kEthernetHeader) return Drop::kFrameTooShort;
  walk.info.l2_multicast = (walk.frame[0] & 1) != 0;
  walk.at = kEthernetHeader;
  switch (load_be16(&walk.frame[12])) {
    case kEtherIpv4:
      return walk_ipv4(walk);
    case kEtherIpv6:
      return walk_ipv6(walk);
    case kEtherArp:
      return walk_arp(walk);
    case kEtherVlan:
    case kEtherServiceVlan:
    case kEtherOldServiceVlan:
      return Drop::kVlanTagged;
    default:
      return Drop::kEtherTypeUnsupported;
  }
}

}  // namespace

void Walk::name(Kind kind, IpAddress from, IpAddress to, uint8_t number, uint16_t from_port,
                uint16_t to_port) {
  bool reverse = false;
  info.key = FlowKey::make(vni, number, from, to, from_port, to_port, &reverse);
  info.reverse = reverse;
  info.hash = hash(info.key);
  info.kind = kind;
}

Drop walk_arp(Walk& walk) {
  if (walk.left() < kArpMessage) return Drop::kArpMalformed;
  const uint8_t* arp = walk.here();
  constexpr uint64_t kEthernetIpv4 =
      0x0001'0800'0604;  // RFC 826: hardware, protocol, and their address lengths
  const uint16_t operation = load_be16(arp + 6);
  if (load_be64(arp) >> 16 != kEthernetIpv4 || (operation != 1 && operation != 2)) return Drop::kArpMalformed;
  const IpAddress sender = IpAddress::load_v4(arp + 14);
  if ((arp[8] & 1) != 0) return Drop::kArpMalformed;
  if (sender.is_multicast() || sender.is_broadcast() || sender.is_loopback()) return Drop::kIpAddressInvalid;
  walk.info.length = kEthernetHeader + kArpMessage;
  walk.name(Kind::kArp, sender, IpAddress::load_v4(arp + 24), 0, 0, 0);
  return Drop::kNone;
}

Drop walk_fragment(Walk& walk, bool* done) {
  PacketInfo& info = walk.info;
  *done = false;
  if (info.fragment_offset == 0 && !info.more_fragments) return Drop::kNone;
  info.first_fragment = info.fragment_offset == 0;
  info.fragment_payload = static_cast<uint16_t>(walk.at);
  const size_t payload = walk.left();
  if (payload == 0 || (info.more_fragments && payload % 8 != 0)) return Drop::kFragmentInvalid;
  // The whole packet's length field must hold it: with the header in IPv4, without it and this one in IPv6.
  const size_t uncounted = info.ipv6 ? kIpv6Header + kFragmentHeaderSize : 0;
  const size_t before = walk.at - info.l3_offset - uncounted;
  if (before + info.fragment_offset + payload > 0xffff) return Drop::kFragmentInvalid;
  if (info.first_fragment) return Drop::kNone;
  // A first fragment here holds all of the TCP header, so a later one within those bytes rewrites it (RFC
  // 3128).
  if (walk.protocol == kTcp && info.fragment_offset < kTcpHeader) return Drop::kFragmentTiny;
  walk.name(Kind::kFragment);
  *done = true;
  return Drop::kNone;
}

void parse_complete(std::span<const uint8_t> frame, Vni vni, PacketInfo& info) {
  info = PacketInfo{};
  Walk walk{.frame = frame, .vni = vni, .info = info};
  const Drop drop = walk_ethernet(walk);
  if (drop == Drop::kNone) return;
  info = PacketInfo{};
  info.drop = drop;
}

void parse(std::span<const uint8_t> frame, Vni vni, PacketInfo& info) { parse_inline(frame, vni, info); }

}  // namespace outrigger::packet
