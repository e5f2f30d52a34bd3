// A DHCPv6 server without a pool (RFC 8415): an endpoint is given the addresses it has.
#pragma once

#include "engine/first_packet.h"
#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

size_t answer_dhcp6(const engine::FirstPacket& packet, const VswitchTable::State& state, const Sender& sender,
                    std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
