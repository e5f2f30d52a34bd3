// Any bytes as a frame from the fabric.  Promises: accepted, refused or not a tunnel's, never two of them;
// the inner frame lies inside the outer UDP datagram; what a naive reading of the header says is what was
// found; the inner parser takes whatever is in there.
#include "packet/fuzz_check.h"
#include "packet/parser.h"

namespace outrigger::packet {
namespace {

using samples::Frame;

void check_accepted(const Frame& frame, const TunnelInfo& info) {
  const bool ipv6 = load_be16(&frame[12]) == kEtherIpv6;
  const size_t udp = ipv6 ? 54 : 14 + (frame[14] & 15u) * 4;
  const size_t datagram = load_be16(&frame[udp + 4]);
  const size_t ip_end = ipv6 ? 54 + load_be16(&frame[18]) : 14 + load_be16(&frame[16]);
  check(frame[ipv6 ? 20 : 23] == kUdp && udp + datagram == ip_end && ip_end <= frame.size());
  check(size_t{info.inner_offset} + info.inner_length == ip_end && info.inner_length >= kEthernetHeader);

  const uint8_t* header = &frame[udp + 8];
  const bool geneve = info.type == TunnelType::kGeneve;
  check(load_be16(&frame[udp + 2]) == (geneve ? kGenevePort : kVxlanPort));
  check(geneve ? header[0] < 0x40 && (header[1] & 0xc0) == 0 : (header[0] & 8) != 0);
  check(info.inner_offset == udp + 16 + (geneve ? header[0] * 4u : 0u));
  check(info.vni.value() == load_be32(header + 4) >> 8);
  const uint8_t* addresses = &frame[ipv6 ? 22 : 26];
  check(info.source == (ipv6 ? IpAddress::load_v6(addresses) : IpAddress::load_v4(addresses)));
  check(info.destination == (ipv6 ? IpAddress::load_v6(addresses + 16) : IpAddress::load_v4(addresses + 4)));
}

void check_same_without_padding(const Frame& frame, const TunnelInfo& info) {
  const size_t end = size_t{info.inner_offset} + info.inner_length;
  const Frame exact(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(end));
  check(parse_tunnel(exact).inner_offset == info.inner_offset);
  check(parse_tunnel(std::span(exact).first(end - 1)).drop == Drop::kTunnelMalformed);
}

void try_frame(const Frame& frame) {
  const TunnelInfo info = parse_tunnel(frame);
  if (info.inner_offset == 0) {
    check(info.drop == Drop::kNone || info.drop == Drop::kTunnelMalformed ||
          info.drop == Drop::kTunnelFragmented);
    return;
  }
  check(info.drop == Drop::kNone);
  check_accepted(frame, info);
  check_same_without_padding(frame, info);
  PacketInfo inside;
  parse(std::span(frame).subspan(info.inner_offset, info.inner_length), info.vni, inside);
  check(inside.kind == Kind::kMalformed || inside.length <= info.inner_length);
}

}  // namespace
}  // namespace outrigger::packet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const outrigger::packet::samples::Frame frame(data, data + size);
  outrigger::packet::try_frame(frame);
  outrigger::packet::try_frame(outrigger::packet::repaired(frame));
  return 0;
}
