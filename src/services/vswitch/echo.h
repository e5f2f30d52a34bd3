// Ping of the gateway and of the node's own addresses: RFC 792, RFC 4443 §4.
#pragma once

#include <cstddef>
#include <span>

#include "engine/first_packet.h"

namespace outrigger::vswitch {

// Whole, not a fragment of one.
bool is_echo_request(const packet::PacketInfo& info);

// From the address that was asked, at `mac`.  0 when the frame lacks part of the request.
size_t echo_reply(const engine::FirstPacket& packet, const MacAddress& mac, std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
