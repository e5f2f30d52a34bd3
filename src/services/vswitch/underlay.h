// This node's own addresses in the fabric: resolved and pinged by anyone there; nothing else of ours is
// there.
#pragma once

#include "engine/decision.h"
#include "engine/first_packet.h"
#include "services/vswitch/table.h"

namespace outrigger::vswitch {

engine::Step decide_underlay(const engine::FirstPacket& packet, const VswitchTable::State& state);
size_t answer_underlay(const engine::FirstPacket& packet, const VswitchTable::State& state,
                       std::span<uint8_t> frame);

}  // namespace outrigger::vswitch
