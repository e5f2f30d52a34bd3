// Any bytes as a frame.  Promises: the inline path and the complete one agree; offsets are inside the packet;
// padding changes nothing and a missing byte is noticed; a second, naive reading of ports and addresses
// agrees; the reversed packet has the same key and hash.
#include "packet/fuzz_check.h"
#include "packet/parse_inline.h"
#include "packet/tcp_flags.h"

namespace outrigger::packet {
namespace {

using samples::Frame;
constexpr Vni kVni{0xabcdef};

PacketInfo parsed(std::span<const uint8_t> frame) {
  PacketInfo complete, quick;
  parse_complete(frame, kVni, complete);
  parse_inline(frame, kVni, quick);
  check(complete == quick);
  return complete;
}

size_t address_size(const PacketInfo& info) { return info.ipv6 ? 16 : 4; }
size_t address_at(const PacketInfo& info) { return info.ipv6 ? 22 : 26; }

IpAddress address(const Frame& frame, const PacketInfo& info, bool destination) {
  const uint8_t* at = &frame[address_at(info) + (destination ? address_size(info) : 0)];
  return info.ipv6 ? IpAddress::load_v6(at) : IpAddress::load_v4(at);
}

bool has_ports(const PacketInfo& info) {
  const uint8_t protocol = info.key.protocol();
  return info.kind == Kind::kFlow && (protocol == kTcp || protocol == kUdp || protocol == kSctp);
}

size_t least_header(const PacketInfo& info) {
  switch (info.key.protocol()) {
    case kTcp:
      return kTcpHeader;
    case kUdp:
      return kUdpHeader;
    case kSctp:
      return kSctpHeader;
    default:
      return 0;
  }
}

void check_bounds(const Frame& frame, const PacketInfo& info) {
  check(info.length <= frame.size() && info.length >= 34);
  check(info.l4_offset <= info.length && info.fragment_payload <= info.length);
  check(info.fragment_offset + (info.length - info.fragment_payload) <= 0xffff + 14 ||
        info.fragment_payload == 0);
  check((info.kind == Kind::kFragment) == (info.fragment_offset != 0));
  check(info.l3_offset == 14 && info.drop == Drop::kNone);
  check(info.hash == hash(info.key) && info.key.vni() == kVni);
  check(info.key.a < info.key.b || (info.key.a == info.key.b && info.key.a_port <= info.key.b_port));
  if (has_ports(info)) check(info.l4_offset + least_header(info) <= info.length);
}

void check_naively(const Frame& frame, const PacketInfo& info) {
  if (info.kind == Kind::kArp) return;
  const IpAddress source = address(frame, info, false), destination = address(frame, info, true);
  check(!source.is_multicast() && !source.is_loopback() && !source.is_broadcast());
  check(source.is_v4() != info.ipv6);
  if (info.kind == Kind::kIcmpError) return check(info.destination() == destination);
  check(info.source() == source && info.destination() == destination);
  if (!has_ports(info)) return;
  check(info.source_port() == load_be16(&frame[info.l4_offset]));
  check(info.destination_port() == load_be16(&frame[info.l4_offset + 2u]));
  if (info.key.protocol() == kTcp) check(tcp_flags_usual(frame[info.l4_offset + 13u]));
}

void check_length(const Frame& frame, const PacketInfo& info) {
  const Frame exact(frame.begin(), frame.begin() + info.length);
  check(parsed(exact) == info);
  check(parsed(std::span(exact).first(exact.size() - 1)).kind == Kind::kMalformed);
}

// Swapping addresses and ports leaves the IPv4 header checksum right.
void check_reversed(Frame frame, const PacketInfo& info) {
  if (!has_ports(info)) return;
  uint8_t* ends = &frame[address_at(info)];
  std::swap_ranges(ends, ends + address_size(info), ends + address_size(info));
  uint8_t* ports = &frame[info.l4_offset];
  std::swap_ranges(ports, ports + 2, ports + 2);
  const PacketInfo back = parsed(frame);
  if (back.kind == Kind::kMalformed) return check(back.drop == Drop::kIpAddressInvalid);
  check(back.key == info.key && back.hash == info.hash);
  const bool one_end = info.key.a == info.key.b && info.key.a_port == info.key.b_port;
  check(back.reverse != info.reverse || one_end);
}

void try_frame(const Frame& frame) {
  const PacketInfo info = parsed(frame);
  if (info.kind == Kind::kMalformed) {
    PacketInfo blank;
    blank.drop = info.drop;
    return check(info.drop != Drop::kNone && info == blank);
  }
  check_bounds(frame, info);
  check_naively(frame, info);
  check_length(frame, info);
  check_reversed(frame, info);
}

}  // namespace
}  // namespace outrigger::packet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const outrigger::packet::samples::Frame frame(data, data + size);
  outrigger::packet::try_frame(frame);
  outrigger::packet::try_frame(outrigger::packet::repaired(frame));
  return 0;
}
