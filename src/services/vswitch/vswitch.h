// Switching inside a network, routing between its subnets, and everything an endpoint may ask its network
// for: ARP, neighbour discovery, DHCP, router advertisements, echo from the gateway, ICMP errors. Reads only
// the immutable table; writes only its part of the decision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "engine/decision.h"
#include "engine/first_packet.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::vswitch {

class VswitchTable {
 public:
  VswitchTable();
  ~VswitchTable();
  VswitchTable(VswitchTable&&) noexcept;
  VswitchTable& operator=(VswitchTable&&) noexcept;

  // InvalidArgument names the entry and the limit.
  static absl::StatusOr<VswitchTable> build(const ::outrigger::engine::v1::Structure& structure);

  struct State;
  [[nodiscard]] const State& state() const { return *state_; }

 private:
  std::unique_ptr<const State> state_;
};

// Anti-spoofing, then who sends and who receives.  Writes source, destination, *_own, charged, reject, mtu
// (network's), the local Ends with port, endpoint and routed; for a remote end it writes endpoint and routed
// and leaves port and tunnel to the overlay.  Handles kFlow, kIcmpError, kArp, kNeighbour and kFragment
// alike.
engine::Step decide(const engine::FirstPacket& packet, const VswitchTable& table, engine::Decision& decision);

// The answer to a packet for which decide said kRespond.  Whole frame, checksums done; 0: none is due.
size_t respond(const engine::FirstPacket& packet, const VswitchTable& table, std::span<uint8_t> frame);

// What a local endpoint is told unasked, now and then: a router advertisement (RFC 4861 §6.2.4); 0: nothing.
size_t announce(PortId port, const VswitchTable& table, std::span<uint8_t> frame);

// The ICMP/ICMPv6 error for a refused packet, from the gateway of the sender's subnet; RFC 1812 §4.3.2, RFC
// 4443 §2.4: never about an error, a fragment but the first, a broadcast or a multicast.
size_t refuse(const engine::FirstPacket& packet, const VswitchTable& table, engine::Step::Error error,
              uint16_t mtu, std::span<uint8_t> frame);

// The local endpoints (the sender excepted) that get a copy of a broadcast or multicast, and whether remote
// peers do: the caller asks the overlay for those.  Returns how many were written.
size_t receivers(const engine::FirstPacket& packet, const VswitchTable& table, std::span<engine::End> out);

}  // namespace outrigger::vswitch
