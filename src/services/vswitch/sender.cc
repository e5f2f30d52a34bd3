#include "services/vswitch/sender.h"

#include <algorithm>

#include "packet/wire.h"
#include "services/vswitch/dhcp4.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using packet::Kind;
using State = VswitchTable::State;

constexpr uint8_t kRouterAdvertisement = 134, kRedirect = 137;

bool acts_as_dhcp_server(const packet::PacketInfo& info) {
  if (info.kind != Kind::kFlow || info.key.protocol() != packet::kUdp) return false;
  return info.ipv6 ? info.source_port() == 547 && info.destination_port() == 546 : info.source_port() == 67;
}

bool acts_as_router(const packet::PacketInfo& info) {
  return info.kind == Kind::kNeighbour &&
         (info.icmp_type == kRouterAdvertisement || info.icmp_type == kRedirect);
}

// What a host without an address may send: duplicate address detection (the parser lets no other neighbour
// message through, RFC 4861 §7.1.1) and DHCP to everybody.
bool may_be_unspecified(const packet::PacketInfo& info) {
  return info.kind == Kind::kNeighbour || (is_dhcp4(info) && info.destination().is_broadcast());
}

Sender refused(Sender sender, Drop why) {
  sender.drop = why;
  return sender;
}

// RFC 4291 §2.5.6: link-local sources stay on the link.
bool leaves_the_link(const IpAddress& source, const packet::PacketInfo& info) {
  if (!is_v6_link_local(source) || info.kind == Kind::kNeighbour) return false;
  const IpAddress& destination = info.destination();
  return !destination.is_link_local() && !destination.is_multicast();
}

Sender check_local(const FirstPacket& packet, const State& state, Sender sender) {
  const packet::PacketInfo& info = packet.info;
  if (ethernet_source(packet.frame) != sender.endpoint->mac) return refused(sender, Drop::kSpoofedMac);
  if (info.kind == Kind::kArp) return sender;
  if (acts_as_router(info)) return refused(sender, Drop::kSpoofedRouterAdvertisement);
  if (acts_as_dhcp_server(info)) return refused(sender, Drop::kSpoofedDhcp);
  const IpAddress source = info.kind == Kind::kIcmpError ? ip_source(packet) : info.source();
  if (source.is_zero()) {
    if (!may_be_unspecified(info)) return refused(sender, Drop::kSpoofedAddress);
  } else {
    const Ownership ownership = state.ownership(*sender.endpoint, source);
    if (ownership == Ownership::kNone || leaves_the_link(source, info)) {
      return refused(sender, Drop::kSpoofedAddress);
    }
    sender.own = ownership == Ownership::kOwn;
  }
  if (is_dhcp4(info) && dhcp4_names_another(packet, sender.endpoint->mac)) {
    return refused(sender, Drop::kSpoofedDhcp);
  }
  return sender;
}

// The endpoint of a network that uses `address`: by it, by what it lies behind, or, where addresses say
// nothing (none yet, a link-local of the host's making), by MAC.
const EndpointEntry* find_remote(const FirstPacket& packet, const State& state, const NetworkEntry& network,
                                 const IpAddress& address, Owner owner) {
  if (owner.kind == Owner::Kind::kEndpoint) return &state.endpoints[owner.index];
  if (address.is_zero() || is_v6_link_local(address)) {
    return state.with_mac(network.vni, ethernet_source(packet.frame));
  }
  return state.in_front_of(network, address);
}

// A tunnel packet for this node, inside a tunnel packet: whoever sent it hopes that both are opened.
bool is_nested(const packet::PacketInfo& info, const State& state) {
  if (info.kind != Kind::kFlow || info.key.protocol() != packet::kUdp) return false;
  const uint16_t port = info.destination_port();
  return (port == packet::kVxlanPort || port == packet::kGenevePort) &&
         std::find(state.underlay.begin(), state.underlay.end(), info.destination()) != state.underlay.end();
}

Sender remote_sender(const FirstPacket& packet, const State& state) {
  Sender sender;
  sender.network = state.network(packet.info.key.vni());
  if (sender.network == nullptr) return refused(sender, Drop::kTunnelSourceMismatch);
  if (is_nested(packet.info, state)) return refused(sender, Drop::kTunnelNested);
  if (acts_as_router(packet.info)) return refused(sender, Drop::kSpoofedRouterAdvertisement);
  const bool error = packet.info.kind == Kind::kIcmpError;
  const IpAddress source = error ? ip_source(packet) : packet.info.source();
  const Owner owner = state.owner(sender.network->vni, source);
  if (owner.kind == Owner::Kind::kGateway) {  // another node's ICMP error comes from the gateway they share
    return error ? sender : refused(sender, Drop::kTunnelSourceMismatch);
  }
  const EndpointEntry* endpoint = find_remote(packet, state, *sender.network, source, owner);
  if (endpoint == nullptr || endpoint->local()) return refused(sender, Drop::kTunnelSourceMismatch);
  sender.endpoint = endpoint;
  sender.own = owner.kind == Owner::Kind::kEndpoint || is_v6_link_local(source);
  return sender;
}

}  // namespace

Sender find_sender(const FirstPacket& packet, const State& state) {
  if (packet.tunnel != kNoTunnel) return remote_sender(packet, state);
  Sender sender;
  sender.endpoint = state.at_port(packet.port);
  if (sender.endpoint == nullptr) return refused(sender, Drop::kPortUnbound);
  sender.network = &state.network_of(*sender.endpoint);
  return check_local(packet, state, sender);
}

}  // namespace outrigger::vswitch
