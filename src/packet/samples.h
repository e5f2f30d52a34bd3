// One good frame of every kind, by name, for tests, fuzz seeds and benchmarks; and the edits that spoil them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "packet/builder.h"
#include "packet/checksum.h"
#include "packet/wire.h"

namespace outrigger::packet::samples {

using Frame = std::vector<uint8_t>;
struct Sample {
  std::string name;
  Frame frame;
};

inline const MacAddress kMac1{{2, 0, 0, 0, 0, 1}}, kMac2{{2, 0, 0, 0, 0, 2}};
inline const IpAddress kHost1 = IpAddress::v4(0x0a000001), kHost2 = IpAddress::v4(0x0a000002),
                       kRouter = IpAddress::v4(0x0a0000fe), kZero = IpAddress::v4(0),
                       kHost1V6{0xfd00'0000'0000'0000, 1}, kHost2V6{0xfd00'0000'0000'0000, 2},
                       kLinkV6{0xfe80'0000'0000'0000, 1}, kAllNodes{0xff02'0000'0000'0000, 1};

inline Frame build(const std::function<void(Builder&)>& write) {
  std::array<uint8_t, 2048> buffer;
  Builder builder(buffer);
  write(builder);
  return {buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(builder.finish())};
}

inline Builder& v4(Builder& b) { return b.ethernet(kMac2, kMac1).ip(kHost1, kHost2); }
inline Builder& v6(Builder& b, uint8_t hops = 64) {
  return b.ethernet(kMac2, kMac1).ip(kHost1V6, kHost2V6, hops);
}

// Sets bytes of the frame, then makes the IPv4 header checksum right again when it is an IPv4 frame.
inline Frame patched(Frame frame, size_t at, const std::vector<uint8_t>& bytes) {
  std::copy(bytes.begin(), bytes.end(), frame.begin() + static_cast<ptrdiff_t>(at));
  if (frame.size() < 34 || load_be16(&frame[12]) != kEtherIpv4) return frame;
  const size_t header = std::min<size_t>((frame[14] & 15u) * 4u, frame.size() - 14);
  if (header < 12) return frame;
  store_raw<uint16_t>(&frame[24], 0);
  store_raw(&frame[24], static_cast<uint16_t>(~fold(sum({&frame[14], header}))));
  return frame;
}

// `options` (a multiple of four bytes) between the IPv4 header and what follows.
inline Frame with_ipv4_options(Frame frame, const std::vector<uint8_t>& options) {
  frame.insert(frame.begin() + 34, options.begin(), options.end());
  frame[14] = static_cast<uint8_t>(0x45 + options.size() / 4);
  store_be16(&frame[16], static_cast<uint16_t>(load_be16(&frame[16]) + options.size()));
  return patched(std::move(frame), 14, {});
}

// An IPv6 extension header of `type` between the fixed header and what follows; its first byte is filled in.
inline Frame with_extension(Frame frame, uint8_t type, std::vector<uint8_t> header) {
  header[0] = frame[20];
  frame[20] = type;
  frame.insert(frame.begin() + 54, header.begin(), header.end());
  store_be16(&frame[18], static_cast<uint16_t>(load_be16(&frame[18]) + header.size()));
  return frame;
}

// A neighbour message: ICMPv6 `type`, `rest` and `body`, from `source` to `destination`.
inline Frame neighbour(uint8_t type, IpAddress source, IpAddress destination, const Frame& body,
                       uint32_t rest = 0, uint8_t hops = 255, uint8_t code = 0) {
  return build([&](Builder& b) {
    b.ethernet(kMac2, kMac1).ip(source, destination, hops).icmp(type, code, rest).payload(body);
  });
}

// Out of line: g++ 12 inlines it into false warnings.
[[gnu::noinline]] inline Frame bytes_of(IpAddress address, const std::vector<uint8_t>& options = {}) {
  Frame body(16 + options.size());
  address.store_v6(body.data());
  std::copy(options.begin(), options.end(), body.begin() + 16);
  return body;
}

inline const std::vector<uint8_t> kSourceLinkOption = {1, 1, 2, 0, 0, 0, 0, 1};

// The IP packet inside a frame, its first `length` bytes.
inline Frame inner(const Frame& frame, size_t length = 2048) {
  return {frame.begin() + 14, frame.begin() + static_cast<ptrdiff_t>(std::min(14 + length, frame.size()))};
}

inline Frame tcp(uint8_t flags = kAck) {
  return build([&](Builder& b) { v4(b).tcp(40000, 80, flags, 1, 2).zeros(20); });
}
inline Frame udp() {
  return build([](Builder& b) { v4(b).udp(40000, 53).zeros(18); });
}
inline Frame tcp_v6(uint8_t flags = kAck) {
  return build([&](Builder& b) { v6(b).tcp(40000, 80, flags, 1, 2).zeros(20); });
}
inline Frame udp_v6() {
  return build([](Builder& b) { v6(b).udp(40000, 53).zeros(18); });
}
inline Frame tunnel(bool geneve, bool ipv6, bool checksummed, const Frame& inside) {
  return build([&](Builder& b) {
    (ipv6 ? v6(b) : v4(b)).udp(50000, geneve ? kGenevePort : kVxlanPort);
    geneve ? b.geneve(Vni(0x123456)) : b.vxlan(Vni(0x123456));
    b.payload(inside);
    if (checksummed) b.checksummed();
  });
}

std::vector<Sample> all();

}  // namespace outrigger::packet::samples
