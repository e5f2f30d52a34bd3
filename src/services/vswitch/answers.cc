// respond, refuse, receivers: each packet to the part that makes its answer.
#include "services/vswitch/arp.h"
#include "services/vswitch/dhcp4.h"
#include "services/vswitch/dhcp6.h"
#include "services/vswitch/echo.h"
#include "services/vswitch/icmp_error.h"
#include "services/vswitch/neighbour.h"
#include "services/vswitch/sender.h"
#include "services/vswitch/tcp_reset.h"
#include "services/vswitch/underlay.h"

namespace outrigger::vswitch {

using engine::FirstPacket;
using engine::Step;
using packet::Kind;
using State = VswitchTable::State;

size_t respond(const FirstPacket& packet, const VswitchTable& table, std::span<uint8_t> frame) {
  const State& state = table.state();
  if (packet.info.kind == Kind::kMalformed) return 0;
  if (packet.tunnel == kNoTunnel && state.is_uplink(packet.port))
    return answer_underlay(packet, state, frame);
  const Sender sender = find_sender(packet, state);
  if (sender.drop != Drop::kNone || sender.endpoint == nullptr) return 0;
  if (packet.info.kind == Kind::kArp) return answer_arp(packet, state, sender, frame);
  if (packet.info.kind == Kind::kNeighbour) return answer_neighbour(packet, state, sender, frame);
  if (is_dhcp4(packet.info)) return answer_dhcp4(packet, state, sender, frame);
  if (is_dhcp6(packet.info)) return answer_dhcp6(packet, state, sender, frame);
  const bool gateway =
      state.owner(sender.network->vni, packet.info.destination()).kind == Owner::Kind::kGateway;
  if (!gateway || packet.info.l2_multicast || !is_echo_request(packet.info)) return 0;
  return echo_reply(packet, sender.network->gateway_mac, frame);
}

size_t refuse(const FirstPacket& packet, const VswitchTable& table, Step::Error error, uint16_t mtu,
              std::span<uint8_t> frame) {
  const State& state = table.state();
  if (packet.info.kind != Kind::kFlow || packet.info.l2_multicast || packet.info.fragment_offset != 0)
    return 0;
  if (packet.tunnel == kNoTunnel && state.is_uplink(packet.port)) return 0;
  const Sender sender = find_sender(packet, state);
  if (sender.drop != Drop::kNone || sender.endpoint == nullptr) return 0;
  const bool closed = error == Step::Error::kProhibited || error == Step::Error::kPortUnreachable;
  if (closed && packet.info.key.protocol() == packet::kTcp) return tcp_reset(packet, sender, frame);
  return icmp_error(packet, sender, error, mtu, frame);
}

size_t receivers(const FirstPacket& packet, const VswitchTable& table, std::span<engine::End> out) {
  const State& state = table.state();
  const NetworkEntry* network = nullptr;
  const EndpointEntry* self = nullptr;
  if (packet.tunnel == kNoTunnel) {
    self = state.at_port(packet.port);
    if (self != nullptr) network = &state.network_of(*self);
  } else {
    network = state.network(packet.info.key.vni());
  }
  if (network == nullptr) return 0;
  size_t count = 0;
  for (const uint32_t index : network->local) {
    const EndpointEntry& endpoint = state.endpoints[index];
    if (&endpoint == self) continue;
    if (count == out.size()) break;
    out[count++] =
        engine::End{.port = endpoint.port, .endpoint = endpoint.id.value() & engine::End::kNoEnd24};
  }
  return count;
}

}  // namespace outrigger::vswitch
