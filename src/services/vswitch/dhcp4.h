// A DHCP server without a pool (RFC 2131): an endpoint is offered the address it has, by every node alike. So
// there is no lease to remember, and nothing to lose.
#pragma once

#include "engine/first_packet.h"
#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

// A client message on behalf of another MAC than `mac`, or a server's.
bool dhcp4_names_another(const engine::FirstPacket& packet, const MacAddress& mac);

size_t answer_dhcp4(const engine::FirstPacket& packet, const VswitchTable::State& state, const Sender& sender,
                    std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
