// Router advertisements (RFC 4861 §4.2, RFC 8106): the gateway is the router, its prefixes are on-link,
// addresses come from DHCPv6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "services/vswitch/table.h"

namespace outrigger::vswitch {

// False for a network without an IPv6 subnet.
bool advertises_router(const NetworkEntry& network);

size_t router_advertisement(const NetworkEntry& network, const IpAddress& to, const MacAddress& to_mac,
                            std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
