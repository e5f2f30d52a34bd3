// What the fuzz targets of this room share.
#pragma once

#include "packet/samples.h"

namespace outrigger::packet {

// Stops the fuzzer at the first broken promise, in release builds too.
inline void check(bool promise) {
  if (!promise) __builtin_trap();
}

// Makes checksums right that random bytes never would: of IPv4, and of ICMPv6 right after its IPv6 header.
inline samples::Frame repaired(samples::Frame frame) {
  frame = samples::patched(std::move(frame), 0, {});
  constexpr size_t kMessage = kEthernetHeader + kIpv6Header;
  if (frame.size() < kMessage + 8 || load_be16(&frame[12]) != kEtherIpv6 || frame[20] != kIcmpV6)
    return frame;
  const size_t length = std::min<size_t>(load_be16(&frame[18]), frame.size() - kMessage);
  const IpAddress source = IpAddress::load_v6(&frame[22]), destination = IpAddress::load_v6(&frame[38]);
  if (length < 8 || source.is_v4()) return frame;
  store_raw<uint16_t>(&frame[kMessage + 2], 0);
  const auto message = std::span(frame).subspan(kMessage, length);
  store_raw(&frame[kMessage + 2], transport_checksum(source, destination, kIcmpV6, message));
  return frame;
}

}  // namespace outrigger::packet
