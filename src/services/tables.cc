#include "services/tables.h"

#include <utility>

namespace outrigger::services {

using engine::Decision;
using engine::End;
using engine::FirstPacket;
using engine::Judgement;
using engine::Step;
using policy::Direction;

namespace {

// The opener and the one it opened to; a reply travels the other way but is judged as the same flow.
struct Sides {
  EndpointId opener;
  EndpointId target;
  policy::Peer opener_as_peer;
  policy::Peer target_as_peer;
  bool opener_local;
  bool target_local;
  uint16_t port;
};

uint16_t judged_port(const packet::PacketInfo& info, bool reply) {
  const uint8_t protocol = info.key.protocol();
  if (protocol != packet::kTcp && protocol != packet::kUdp && protocol != packet::kSctp) return 0;
  return reply ? info.source_port() : info.destination_port();
}

Sides sides(const FirstPacket& packet, const Decision& decision) {
  const EndpointId source_own = decision.source_own ? decision.source : kNoEndpoint;
  const EndpointId destination_own = decision.destination_own ? decision.destination : kNoEndpoint;
  Sides out{.opener = decision.source,
            .target = decision.destination,
            .opener_as_peer = {source_own, packet.info.source()},
            .target_as_peer = {destination_own, packet.info.destination()},
            .opener_local = decision.from.tunnel == kNoTunnel && packet.tunnel == kNoTunnel,
            .target_local = decision.to.port != kNoPort && decision.to.tunnel == kNoTunnel,
            .port = judged_port(packet.info, packet.reply)};
  if (packet.reply) {
    std::swap(out.opener, out.target);
    std::swap(out.opener_as_peer, out.target_as_peer);
    std::swap(out.opener_local, out.target_local);
  }
  return out;
}

}  // namespace

ServiceTables::ServiceTables(std::shared_ptr<const Topology> topology, const policy::PolicyTable* policy)
    : topology_(std::move(topology)), policy_(policy) {
  actions = topology_->actions;
}

Step ServiceTables::decide(const FirstPacket& packet, Decision& decision) const {
  Step step = vswitch::decide(packet, topology_->vswitch, decision);
  decision.drop = step.drop;
  if (step.kind != Step::Kind::kNext) return step;
  // An ICMP error is allowed by the session it is about, which the engine has looked up.
  if (packet.info.kind == packet::Kind::kFlow) step = judge(packet, decision);
  if (step.kind != Step::Kind::kNext) {
    decision.drop = step.drop;
    return step;
  }
  step = overlay::decide(packet, topology_->overlay, decision);
  decision.drop = step.drop;
  return step;
}

// Egress is judged where the traffic starts, ingress where it ends.
Step ServiceTables::judge(const FirstPacket& packet, Decision& decision) const {
  const Sides side = sides(packet, decision);
  const uint8_t protocol = packet.info.key.protocol();
  if (side.opener_local && side.opener != kNoEndpoint) {
    decision.egress =
        policy_->judge(Direction::kEgress, side.opener, side.target_as_peer, protocol, side.port);
    if (!decision.egress.allowed) return Step::dropped(Drop::kPolicyEgress);
  }
  if (side.target_local && side.target != kNoEndpoint) {
    decision.ingress =
        policy_->judge(Direction::kIngress, side.target, side.opener_as_peer, protocol, side.port);
    if (!decision.ingress.allowed) return Step::dropped(Drop::kPolicyIngress);
  }
  return Step::next();
}

bool ServiceTables::changed_since(const FirstPacket& packet, const End& from, const End& to,
                                  Epoch since) const {
  if (since < topology_->since) return true;
  const End& opener = packet.reply ? to : from;
  const End& target = packet.reply ? from : to;
  const IpAddress& opener_address = packet.reply ? packet.info.destination() : packet.info.source();
  const IpAddress& target_address = packet.reply ? packet.info.source() : packet.info.destination();
  const auto peer = [](const End& end, const IpAddress& address) {
    const EndpointId id = end.endpoint == End::kNoEnd24 ? kNoEndpoint : EndpointId(end.endpoint);
    return policy::Peer{id, address};  // also for an address behind it: that errs towards yes
  };
  const auto is_local = [](const End& end) {
    return end.tunnel == kNoTunnel && end.endpoint != End::kNoEnd24;
  };
  if (is_local(opener) && policy_->changed_since(Direction::kEgress, EndpointId(opener.endpoint),
                                                 peer(target, target_address), since)) {
    return true;
  }
  return is_local(target) && policy_->changed_since(Direction::kIngress, EndpointId(target.endpoint),
                                                    peer(opener, opener_address), since);
}

size_t ServiceTables::respond(const FirstPacket& packet, std::span<uint8_t> frame) const {
  return vswitch::respond(packet, topology_->vswitch, frame);
}

size_t ServiceTables::refuse(const FirstPacket& packet, Step::Error error, uint16_t mtu,
                             std::span<uint8_t> frame) const {
  return vswitch::refuse(packet, topology_->vswitch, error, mtu, frame);
}

size_t ServiceTables::announce(PortId port, std::span<uint8_t> frame) const {
  return vswitch::announce(port, topology_->vswitch, frame);
}

size_t ServiceTables::receivers(const FirstPacket& packet, std::span<End> out) const {
  Decision source;
  (void)vswitch::decide(packet, topology_->vswitch, source);
  if (!may_send(packet, source)) return 0;
  std::array<End, 256> local_ends;
  const size_t locals = vswitch::receivers(packet, topology_->vswitch, local_ends);
  size_t count = 0;
  for (size_t i = 0; i < locals && count < out.size(); ++i) {
    if (may_receive(packet, source, local_ends[i])) out[count++] = local_ends[i];
  }
  if (packet.tunnel != kNoTunnel)
    return count;  // split horizon: what came from the fabric does not go back to it
  for (const TunnelId tunnel : topology_->overlay.tunnels_of(packet.info.key.vni())) {
    if (count == out.size()) break;
    if (topology_->overlay.tunnel(tunnel).resolved) out[count++] = End{topology_->overlay.uplink(), tunnel};
  }
  return count;
}

// A broadcast obeys the policy of both sides: of its sender here, whoever may receive it, with its group
// address standing for the destination ...
bool ServiceTables::may_send(const FirstPacket& packet, const Decision& source) const {
  if (packet.tunnel != kNoTunnel) return true;
  const packet::PacketInfo& info = packet.info;
  const policy::Peer group{kNoEndpoint, info.destination()};
  return policy_
      ->judge(Direction::kEgress, source.source, group, info.key.protocol(), judged_port(info, false))
      .allowed;
}

// ... and of each receiver.
bool ServiceTables::may_receive(const FirstPacket& packet, const Decision& source,
                                const End& receiver) const {
  const packet::PacketInfo& info = packet.info;
  const policy::Peer from{source.source_own ? source.source : kNoEndpoint, info.source()};
  return policy_
      ->judge(Direction::kIngress, EndpointId(receiver.endpoint), from, info.key.protocol(),
              judged_port(info, false))
      .allowed;
}

}  // namespace outrigger::services
