// ICMP echo (RFC 792, RFC 4443 §4) as a probe port's endpoint would answer it.
#pragma once

#include <cstdint>
#include <span>

namespace outrigger::engine {

// MACs and addresses change places, the checksum follows.  False, and nothing is changed: it is no request.
bool turn_into_reply(std::span<uint8_t> frame);

}  // namespace outrigger::engine
