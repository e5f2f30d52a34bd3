#include "services/vswitch/resolve.h"

namespace outrigger::vswitch {

std::optional<MacAddress> resolve(const engine::FirstPacket& packet, const VswitchTable::State& state,
                                  const Sender& sender, const IpAddress& target, bool probe) {
  const NetworkEntry& network = *sender.network;
  const auto answers_for = [&](const EndpointEntry* endpoint) {
    return endpoint != nullptr && endpoint != sender.endpoint &&
           (packet.tunnel == kNoTunnel || endpoint->local());
  };
  const Owner owner = state.owner(network.vni, target);
  if (owner.kind == Owner::Kind::kGateway) return network.gateway_mac;
  if (owner.kind == Owner::Kind::kEndpoint) {
    const EndpointEntry* endpoint = &state.endpoints[owner.index];
    return answers_for(endpoint) ? std::optional(endpoint->mac) : std::nullopt;
  }
  const bool unicast =
      !target.is_zero() && !target.is_multicast() && !target.is_broadcast() && !target.is_loopback();
  if (probe || !unicast || target.is_link_local()) return std::nullopt;
  return answers_for(state.in_front_of(network, target)) ? std::optional(network.gateway_mac) : std::nullopt;
}

}  // namespace outrigger::vswitch
