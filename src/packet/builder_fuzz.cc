// Any packet the builder is asked for comes back from the parser as it was asked for, with every checksum
// right, bare or in a tunnel; or the builder says that there was no room.
#include <fuzzer/FuzzedDataProvider.h>

#include "packet/fuzz_check.h"
#include "packet/parser.h"
#include "packet/tcp_flags.h"

namespace outrigger::packet {
namespace {

enum class Shape : uint8_t { kTcp, kUdp, kSctp, kEcho, kOther, kFirst, kLater, kMaxValue = kLater };

struct Wanted {
  Shape shape{};
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  uint8_t protocol = 0, flags = 0, ttl = 0;
  uint16_t offset = 0;
  std::vector<uint8_t> payload;
};

IpAddress some_address(FuzzedDataProvider& data, bool ipv6) {
  if (ipv6)
    return {0xfd00'0000'0000'0000 | data.ConsumeIntegral<uint32_t>(), data.ConsumeIntegral<uint64_t>()};
  return IpAddress::v4(0x0a000000 | (data.ConsumeIntegral<uint32_t>() & 0xffffff));
}

Wanted some_packet(FuzzedDataProvider& data) {
  Wanted wanted;
  const bool ipv6 = data.ConsumeBool();
  wanted.shape = data.ConsumeEnum<Shape>();
  wanted.source = some_address(data, ipv6);
  wanted.destination = some_address(data, ipv6);
  wanted.source_port = data.ConsumeIntegral<uint16_t>();
  wanted.destination_port = data.ConsumeIntegral<uint16_t>();
  wanted.flags = data.ConsumeIntegral<uint8_t>() & 0x3f;
  wanted.ttl = data.ConsumeIntegral<uint8_t>();
  wanted.offset = static_cast<uint16_t>(data.ConsumeIntegralInRange<uint16_t>(3, 7000) * 8);
  wanted.payload = data.ConsumeBytes<uint8_t>(data.ConsumeIntegralInRange<size_t>(1, 64));
  if (wanted.payload.empty()) wanted.payload.push_back(0);
  if (wanted.shape == Shape::kFirst) wanted.payload.resize(wanted.payload.size() / 8 * 8 + 8);
  return wanted;
}

void write(Builder& builder, Wanted& wanted) {
  builder.ethernet(samples::kMac2, samples::kMac1).ip(wanted.source, wanted.destination, wanted.ttl);
  const uint16_t from = wanted.source_port, to = wanted.destination_port;
  wanted.protocol = kUdp;
  switch (wanted.shape) {
    case Shape::kTcp:
      builder.tcp(from, to, wanted.flags), wanted.protocol = kTcp;
      break;
    case Shape::kUdp:
      builder.udp(from, to);
      break;
    case Shape::kSctp:
      builder.sctp(from, to), wanted.protocol = kSctp;
      break;
    case Shape::kEcho:
      wanted.protocol = wanted.source.is_v4() ? kIcmp : kIcmpV6;
      wanted.destination_port = from;
      builder.icmp(wanted.source.is_v4() ? kEchoRequest : kEchoRequestV6, 0, uint32_t{from} << 16);
      break;
    case Shape::kFirst:
      builder.fragment(from, 0, true).udp(from, to);
      break;
    case Shape::kLater:
      builder.fragment(from, wanted.offset, false).protocol(kUdp);
      break;
    case Shape::kOther:
      builder.protocol(wanted.protocol = 47);
      break;
  }
  if (wanted.shape == Shape::kOther || wanted.shape == Shape::kLater) {
    wanted.source_port = wanted.destination_port = 0;
  }
  builder.payload(wanted.payload);
}

void check_checksum(std::span<const uint8_t> frame, const PacketInfo& info, const Wanted& wanted) {
  const auto segment = frame.subspan(info.l4_offset, info.length - info.l4_offset);
  if (wanted.protocol == kTcp || wanted.protocol == kUdp || wanted.protocol == kIcmpV6) {
    check(transport_checksum(wanted.source, wanted.destination, wanted.protocol, segment) == 0);
  } else if (wanted.protocol == kIcmp) {
    check(fold(sum(segment)) == 0xffff);
  }
}

void check_found(std::span<const uint8_t> frame, const PacketInfo& info, const Wanted& wanted) {
  if (wanted.shape == Shape::kTcp && !tcp_flags_usual(wanted.flags))
    return check(info.drop == Drop::kTcpFlags);
  check(info.kind == (wanted.shape == Shape::kLater ? Kind::kFragment : Kind::kFlow));
  check(info.source() == wanted.source && info.destination() == wanted.destination);
  check(info.source_port() == wanted.source_port && info.destination_port() == wanted.destination_port);
  check(info.key.protocol() == wanted.protocol && info.ttl == wanted.ttl && info.length == frame.size());
  check(info.first_fragment == (wanted.shape == Shape::kFirst));
  if (wanted.shape == Shape::kTcp) check(info.tcp_flags == wanted.flags);
  if (wanted.shape == Shape::kLater) return check(info.fragment_offset == wanted.offset);
  check_checksum(frame, info, wanted);
}

void try_packet(FuzzedDataProvider& data) {
  const bool in_tunnel = data.ConsumeBool(), geneve = data.ConsumeBool(), checksummed = data.ConsumeBool();
  Wanted wanted = some_packet(data);
  std::vector<uint8_t> buffer(data.ConsumeIntegralInRange<size_t>(0, 300));
  Builder builder(buffer);
  if (in_tunnel) {
    samples::v4(builder).udp(50000, geneve ? kGenevePort : kVxlanPort);
    geneve ? builder.geneve(Vni(5)) : builder.vxlan(Vni(5));
    if (checksummed) builder.checksummed();
  }
  write(builder, wanted);
  const size_t length = builder.finish();
  if (length == 0) return check(buffer.size() < 54 + 40 + 8 + 20 + 80 + 20);
  check(length <= buffer.size());
  std::span<const uint8_t> frame = std::span(buffer).first(length);
  if (in_tunnel) {
    const TunnelInfo tunnel = parse_tunnel(frame);
    check(tunnel.drop == Drop::kNone && tunnel.vni == Vni(5));
    frame = frame.subspan(tunnel.inner_offset, tunnel.inner_length);
  }
  PacketInfo info;
  parse(frame, Vni(5), info);
  check_found(frame, info, wanted);
}

}  // namespace
}  // namespace outrigger::packet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider provider(data, size);
  outrigger::packet::try_packet(provider);
  return 0;
}
