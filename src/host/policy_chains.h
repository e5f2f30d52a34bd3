// Policy as nftables chains.  A class becomes, for each direction, a chain of its rules in the order in which
// they are judged; a packet that comes back from it with the mark kDenied is denied, any other is allowed.
// Each chain exists twice: for packets that go the way the connection was opened, and for those that go the
// other way (a reply whose first packet this kernel never saw), where both ends change roles.
#pragma once

#include <string>
#include <vector>

#include "host/world.h"

namespace outrigger::host {

inline constexpr unsigned kDenied = 1;

enum class Way { kForward, kReverse };

// "c3_out", "c3_in_back": where a packet is judged for an endpoint of class 3.
std::string chain_name(uint32_t policy_class, bool ingress, Way way);

// The sets of selectors and the chains of the classes that local endpoints of `network` have.
std::string policy_text(const World& world, const NetworkWorld& network);

// Class of an endpoint; 0: it has none.
uint32_t class_of(const World& world, uint32_t endpoint);

}  // namespace outrigger::host
