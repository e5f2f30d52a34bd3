#include "services/vswitch/arp.h"
#include "services/vswitch/echo.h"
#include "services/vswitch/neighbour.h"
#include "services/vswitch/sender.h"
#include "services/vswitch/table.h"
#include "services/vswitch/underlay.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::Decision;
using engine::End;
using engine::FirstPacket;
using engine::Step;
using packet::Kind;
using State = VswitchTable::State;

constexpr IpAddress kDhcpServers{0xff02ULL << 48, 0x1'0002};  // ff02::1:2, RFC 8415 §7.1

uint32_t end_number(const EndpointEntry* endpoint) {
  return endpoint == nullptr ? End::kNoEnd24 : endpoint->id.value() & End::kNoEnd24;
}

void write_source(const FirstPacket& packet, const Sender& sender, Decision& decision) {
  decision.from = End{.port = packet.port, .tunnel = packet.tunnel, .endpoint = end_number(sender.endpoint)};
  if (sender.network != nullptr) {
    decision.mtu = sender.network->mtu;
    decision.reject = sender.network->reject;
  }
  if (sender.endpoint == nullptr) return;
  decision.source = sender.endpoint->id;
  decision.source_own = sender.own;
  decision.charged = sender.endpoint->port;
}

bool crosses_subnets(const NetworkEntry& network, const IpAddress& a, const IpAddress& b) {
  if (a.is_link_local() || b.is_link_local()) return false;
  const SubnetEntry* subnet = network.subnet_of(a);
  return subnet == nullptr ? network.subnet_of(b) != nullptr : !subnet->prefix.contains(b);
}

// Whether packets of the other direction come here to be routed.  They do when this one was routed, here or
// by the node it comes from; but a node that routes itself has done so before they are here.
bool reply_is_routed(const FirstPacket& packet, const NetworkEntry& network, const EndpointEntry& destination,
                     bool routed) {
  if (!destination.local() && destination.peer_routes) return false;
  if (routed) return true;
  if (packet.tunnel != kNoTunnel && ethernet_source(packet.frame) == network.gateway_mac) return true;
  return crosses_subnets(network, packet.info.source(), packet.info.destination());
}

struct Target {
  const EndpointEntry* endpoint = nullptr;
  bool exact = false;  // found by the address, so it is its own
  bool routed = false;
};

Step deliver(const FirstPacket& packet, const State& state, const Sender& sender, const Target& target,
             Decision& decision) {
  const auto& [found, exact, routed] = target;
  const EndpointEntry& destination = *found;
  const IpAddress& address = packet.info.destination();
  decision.to = End{.port = destination.port, .endpoint = end_number(&destination), .routed = routed};
  decision.destination = destination.id;
  decision.destination_own = exact || state.ownership(destination, address) == Ownership::kOwn;
  if (decision.charged == kNoPort) decision.charged = destination.port;
  decision.from.routed = reply_is_routed(packet, *sender.network, destination, routed);
  if (&destination == sender.endpoint) return Step::dropped(Drop::kDestinationIsSource);
  if (destination.local() || packet.tunnel == kNoTunnel) return Step::next();
  // From node to node through this one: only as the router of a host that has none.
  if (!routed) return Step::dropped(Drop::kDestinationUnknown);
  const bool hairpin = sender.endpoint != nullptr && sender.endpoint->peer == destination.peer;
  return hairpin ? Step::dropped(Drop::kDestinationIsSource) : Step::next();
}

// Addressed to the gateway itself.
Step decide_gateway(const FirstPacket& packet) {
  const packet::PacketInfo& info = packet.info;
  if (info.kind != Kind::kFlow || info.first_fragment) return Step::dropped(Drop::kNotAnswered);
  if (is_dhcp4(info) || is_dhcp6(info)) return Step::respond();
  const uint8_t protocol = info.key.protocol();
  if (protocol == packet::kUdp || protocol == packet::kTcp) {
    return Step::refused(Drop::kDestinationUnknown, Step::Error::kPortUnreachable);
  }
  return is_echo_request(info) ? Step::respond() : Step::dropped(Drop::kNotAnswered);
}

Step decide_routed(const FirstPacket& packet, const State& state, const Sender& sender, Owner owner,
                   Decision& decision) {
  const packet::PacketInfo& info = packet.info;
  const IpAddress& address = info.destination();
  if (owner.kind == Owner::Kind::kGateway) return decide_gateway(packet);
  if (address.is_multicast() || address.is_broadcast()) return Step::dropped(Drop::kMulticastSuppressed);
  if (is_v6_link_local(address))
    return Step::dropped(Drop::kDestinationUnknown);  // RFC 4291 §2.5.6: never routed
  if (info.ttl <= 1) return Step::refused(Drop::kTtlExceeded, Step::Error::kTimeExceeded);
  const bool exact = owner.kind == Owner::Kind::kEndpoint;
  const EndpointEntry* destination =
      exact ? &state.endpoints[owner.index] : state.in_front_of(*sender.network, address);
  if (destination != nullptr) return deliver(packet, state, sender, {destination, exact, true}, decision);
  const bool on_link = sender.network->subnet_of(address) != nullptr;
  return Step::refused(Drop::kDestinationUnknown,
                       on_link ? Step::Error::kHostUnreachable : Step::Error::kNoRoute);
}

// To another station of the network, which must be one that has the address: else its policy would be
// another's.
Step decide_bridged(const FirstPacket& packet, const State& state, const Sender& sender, Owner owner,
                    Decision& decision) {
  const MacAddress mac = ethernet_destination(packet.frame);
  const EndpointEntry* destination = nullptr;
  const bool exact = owner.kind == Owner::Kind::kEndpoint;
  if (exact) {
    const EndpointEntry& its = state.endpoints[owner.index];
    if (its.mac == mac) destination = &its;
  } else {
    destination = state.with_mac(sender.network->vni, mac);
    if (destination != nullptr &&
        state.ownership(*destination, packet.info.destination()) == Ownership::kNone) {
      destination = nullptr;
    }
  }
  if (destination == nullptr) return Step::dropped(Drop::kDestinationUnknown);
  return deliver(packet, state, sender, {destination, exact, false}, decision);
}

bool is_subnet_broadcast(const NetworkEntry& network, const IpAddress& address) {
  const SubnetEntry* subnet = address.is_v4() ? network.subnet_of(address) : nullptr;
  if (subnet == nullptr || subnet->prefix.length > 126) return false;
  const uint64_t host_bits = (1ULL << (128 - subnet->prefix.length)) - 1;
  return (address.lo & host_bits) == host_bits;
}

Step decide_group(const FirstPacket& packet, const Sender& sender) {
  const packet::PacketInfo& info = packet.info;
  const IpAddress& address = info.destination();
  if (info.first_fragment && (is_dhcp4(info) || is_dhcp6(info))) return Step::dropped(Drop::kNotAnswered);
  if (is_dhcp4(info) && address.is_broadcast()) return Step::respond();
  if (is_dhcp6(info) && address == kDhcpServers) return Step::respond();
  if (!sender.network->replicate || info.kind == Kind::kIcmpError)
    return Step::dropped(Drop::kMulticastSuppressed);
  // A unicast packet in a group frame would reach endpoints past what they are judged by (RFC 1122 §3.3.6).
  const bool group =
      address.is_multicast() || address.is_broadcast() || is_subnet_broadcast(*sender.network, address);
  return group && !info.source().is_zero() ? Step::replicate() : Step::dropped(Drop::kMulticastSuppressed);
}

}  // namespace

Step decide(const FirstPacket& packet, const VswitchTable& table, Decision& decision) {
  const State& state = table.state();
  if (packet.info.kind == Kind::kMalformed) return Step::dropped(packet.info.drop);
  if (packet.tunnel == kNoTunnel && state.is_uplink(packet.port)) {
    decision.from = End{.port = packet.port};
    return decide_underlay(packet, state);
  }
  const Sender sender = find_sender(packet, state);
  write_source(packet, sender, decision);
  if (sender.drop != Drop::kNone) return Step::dropped(sender.drop);
  if (packet.info.kind == Kind::kArp) return decide_arp(packet, state, sender);
  if (packet.info.kind == Kind::kNeighbour) return decide_neighbour(packet, state, sender);
  if (packet.info.l2_multicast) return decide_group(packet, sender);
  const Owner owner = state.owner(sender.network->vni, packet.info.destination());
  const bool routed = ethernet_destination(packet.frame) == sender.network->gateway_mac;
  return routed ? decide_routed(packet, state, sender, owner, decision)
                : decide_bridged(packet, state, sender, owner, decision);
}

}  // namespace outrigger::vswitch
