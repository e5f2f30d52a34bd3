// Address resolution as the switch sees it, the same for ARP and neighbour discovery: which MAC stands for an
// address.
#pragma once

#include <optional>

#include "services/vswitch/sender.h"

namespace outrigger::vswitch {

// What an endpoint that asks for `target` is told; nullopt: nothing.  Owners stand for themselves, the
// gateway for its addresses and for what lies behind endpoints.  A probe (no address yet) asks whether
// another has the address itself. Through a tunnel only what is here is answered for, and the gateway, which
// is everywhere.
std::optional<MacAddress> resolve(const engine::FirstPacket& packet, const VswitchTable::State& state,
                                  const Sender& sender, const IpAddress& target, bool probe);

}  // namespace outrigger::vswitch
