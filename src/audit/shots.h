// The frames an intruder in a guest sends, as values: what is wrong with each, and the bytes that prove its
// arrival wherever they turn up, routed, untagged or decapsulated.  Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/settings.h"
#include "audit/wire.h"

namespace outrigger::audit {

struct Shot {
  std::string what;  // "IPv4 source 10.1.0.99"
  Frame frame;
  Frame proof;  // whoever sees these bytes was reached
};

// Who shoots at whom.
struct Range {
  MacAddress mac;     // the guest's own
  IpAddress address;  // its own
  MacAddress hop;     // next hop to the victim
  IpAddress victim;
  MacAddress victim_mac;
  Allowed allowed;
  std::optional<IpAddress> v6, victim_v6;
  std::optional<IpAddress> gateway;
};

// What policy lets through; `mark` makes it unlike any other.
Shot honest(const Range& range, uint32_t mark);

std::vector<Shot> spoofed_mac(const Range& range, uint32_t mark);
std::vector<Shot> spoofed_address(const Range& range, uint32_t mark);  // both families
std::vector<Shot> spoofed_arp(const Range& range, uint32_t mark);
std::vector<Shot> spoofed_neighbour(const Range& range, uint32_t mark);  // none without IPv6
std::vector<Shot> spoofed_router(const Range& range, uint32_t mark);
std::vector<Shot> spoofed_dhcp(const Range& range, uint32_t mark);
std::vector<Shot> tagged(const Range& range, uint32_t mark);
std::vector<Shot> double_tagged(const Range& range, uint32_t mark);
// For tunnel addresses of nodes: an inner frame in another's name.
std::vector<Shot> nested(const Range& range, const std::vector<IpAddress>& underlay,
                         const std::vector<uint32_t>& vnis, MacAddress gateway, uint32_t mark);
// The payload of a tunnel packet: VXLAN header and a frame for the victim.
Shot tunnelled(const Range& range, uint32_t vni, uint32_t mark);

// A TCP segment for a port that policy denies, in pieces that hide it.  `open`: a port that is allowed on the
// same address, for pieces that overlap.
std::vector<std::vector<Shot>> fragments(const Range& range, uint16_t denied, std::optional<uint16_t> open,
                                         uint32_t mark);

}  // namespace outrigger::audit
