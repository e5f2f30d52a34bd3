// The parsed first packet of a flow, as the services are given it.
#pragma once

#include <cstdint>
#include <span>

#include "base/id.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

struct FirstPacket {
  const packet::PacketInfo& info;
  std::span<const uint8_t> frame;  // from the (inner) Ethernet header; at least the headers, contiguous
  PortId port;                     // where it arrived
  TunnelId tunnel = kNoTunnel;     // set when it arrived through a tunnel, already stripped
  bool reply = false;              // it travels against the direction in which its session was opened
};

}  // namespace outrigger::engine
