// A parsed packet in one line, for logs and `explain`:
//   tcp 10.0.0.1:40000 > 10.0.0.2:80 [syn] vni 100 ttl 64 length 54
#pragma once

#include <string>

#include "packet/packet_info.h"

namespace outrigger::packet {

std::string describe(const PacketInfo& info);

}  // namespace outrigger::packet
