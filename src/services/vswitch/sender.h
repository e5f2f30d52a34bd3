// Who sent a packet, and whether it may say so: anti-spoofing of MAC and IP.  ARP's and neighbour discovery's
// own claims are checked in arp.cc and neighbour.cc.
#pragma once

#include "engine/first_packet.h"
#include "packet/drop.h"
#include "services/vswitch/table.h"

namespace outrigger::vswitch {

struct Sender {
  const NetworkEntry* network = nullptr;    // nullptr: not known either
  const EndpointEntry* endpoint = nullptr;  // nullptr: not known, or another node's gateway
  bool own = false;                         // its own address, not one behind it
  Drop drop = Drop::kNone;
};

// Not for frames of the fabric itself (an uplink without a tunnel).
Sender find_sender(const engine::FirstPacket& packet, const VswitchTable::State& state);

// A DHCP client's message (RFC 2131 §4.1, RFC 8415 §7.2), whatever is in it; no later fragment of one.
inline bool is_dhcp4(const packet::PacketInfo& info) {
  return info.kind == packet::Kind::kFlow && !info.ipv6 && info.fragment_offset == 0 &&
         info.key.protocol() == packet::kUdp && info.source_port() == 68 && info.destination_port() == 67;
}
inline bool is_dhcp6(const packet::PacketInfo& info) {
  return info.kind == packet::Kind::kFlow && info.ipv6 && info.fragment_offset == 0 &&
         info.key.protocol() == packet::kUdp && info.source_port() == 546 && info.destination_port() == 547;
}

}  // namespace outrigger::vswitch
