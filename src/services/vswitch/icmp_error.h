// ICMP and ICMPv6 errors, RFC 1812 §4.3, RFC 4443 §2.4 and §3: from the gateway to the sender of a refused
// packet.
#pragma once

#include "engine/decision.h"
#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

// 0 when none is due: no error about an error, a group, or a sender that is none.
size_t icmp_error(const engine::FirstPacket& packet, const Sender& sender, engine::Step::Error error,
                  uint16_t mtu, std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
