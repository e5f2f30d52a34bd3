// A TCP connection that may not be is reset, so that the caller fails at once instead of retrying: RFC 9293
// §3.10.7.1.
#pragma once

#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

// In the name of the destination.  0 for a reset: those are never answered.
size_t tcp_reset(const engine::FirstPacket& packet, const Sender& sender, std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
