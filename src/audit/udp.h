// Which UDP ports of an address take datagrams?  A port where nobody listens is refused by ICMP (RFC 1122
// §4.1.3.1), at least by a kernel; so silence means that somebody took the datagram, but only where a port
// that is surely closed is refused.  Linux refuses six at once and then one a second to each who asks
// (icmp_ratelimit), hence the few ports and the pauses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace outrigger::audit {

struct UdpLook {
  std::vector<uint16_t> answered;
  std::vector<uint16_t> silent;  // said nothing, asked twice
  size_t refused = 0;
  bool way = true;     // our own kernel has one
  bool tells = false;  // closed ports were refused before and after: silence means something
};

absl::StatusOr<UdpLook> look_at_udp(const std::string& netns, IpAddress address,
                                    std::span<const uint16_t> ports);

}  // namespace outrigger::audit
