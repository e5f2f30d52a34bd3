// ARP (RFC 826, RFC 5227) is never forwarded: the switch knows every answer.
#pragma once

#include "engine/decision.h"
#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

engine::Step decide_arp(const engine::FirstPacket& packet, const VswitchTable::State& state,
                        const Sender& sender);
size_t answer_arp(const engine::FirstPacket& packet, const VswitchTable::State& state, const Sender& sender,
                  std::span<uint8_t> frame);

bool is_arp_request(const engine::FirstPacket& packet);

// The reply to the request in `packet`: `mac` is at the target's address.
size_t arp_reply(const engine::FirstPacket& packet, const MacAddress& mac, std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
