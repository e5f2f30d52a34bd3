// Neighbour discovery (RFC 4861): solicitations are answered here, advertisements end here, and only the
// gateway advertises routers.
#pragma once

#include "engine/decision.h"
#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

engine::Step decide_neighbour(const engine::FirstPacket& packet, const VswitchTable::State& state,
                              const Sender& sender);
size_t answer_neighbour(const engine::FirstPacket& packet, const VswitchTable::State& state,
                        const Sender& sender, std::span<uint8_t> frame);

// What an advertisement says, RFC 4861 §4.4.
struct Advertised {
  MacAddress mac;
  IpAddress from;  // the IP source
  bool router = false;
};

// The advertisement for the target of the solicitation in `packet`.
size_t neighbour_advertisement(const engine::FirstPacket& packet, const Advertised& advertised,
                               std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
