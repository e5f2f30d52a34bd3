// ICMP echo (RFC 792, RFC 4443 §4) as a probe port's endpoint would answer it.
#pragma once

#include <rte_mbuf.h>

namespace outrigger::engine {

bool is_echo_request(const rte_mbuf* packet);

// Of a packet for which is_echo_request() holds: MACs and addresses change places, the checksum follows.
void turn_into_reply(rte_mbuf* packet);

}  // namespace outrigger::engine
