// Tunnels to other nodes: VXLAN (RFC 7348) and Geneve (RFC 8926) over IPv4 or IPv6.  It decides which tunnel
// an end is behind, and that a packet from a tunnel comes from the node its source lives at; the engine
// carries it out.
#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/actions.h"
#include "engine/decision.h"
#include "engine/first_packet.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::overlay {

using Neighbours = absl::flat_hash_map<IpAddress, MacAddress>;

class OverlayTable {
 public:
  // InvalidArgument names the entry.  A peer whose next hop is in neither `neighbours` nor Peer.mac has an
  // unresolved tunnel: packets to it are dropped by that name.
  static absl::StatusOr<OverlayTable> build(const ::outrigger::engine::v1::Structure& structure,
                                            const Neighbours& neighbours);

  // The tunnel an endpoint is behind; kNoTunnel when it is local or its peer cannot be reached.
  [[nodiscard]] TunnelId tunnel_to(EndpointId endpoint) const {
    return endpoint.value() < by_endpoint_.size() ? by_endpoint_[endpoint.value()] : kNoTunnel;
  }
  [[nodiscard]] const engine::Tunnel& tunnel(TunnelId id) const { return tunnels_[id.value()]; }
  // Whether a packet of `source` may come through `arrived`: from the node it lives at (by either of two
  // tunnels while that node moves between its DPU and its host), or, when that is a plain host that cannot
  // route, from a dpu node that routed for it.
  [[nodiscard]] bool may_come_through(EndpointId source, TunnelId arrived) const;
  // Every tunnel of a network: where its broadcasts go.
  [[nodiscard]] const std::vector<TunnelId>& tunnels_of(Vni vni) const;
  [[nodiscard]] PortId uplink() const { return uplink_; }
  // Next hops to resolve.
  [[nodiscard]] const std::vector<IpAddress>& next_hops() const { return next_hops_; }
  // Writes the tunnels, sources, peers and own addresses the fast path needs.
  void describe(engine::Actions& actions) const;

 private:
  std::vector<engine::Tunnel> tunnels_{1};
  std::vector<TunnelId> by_endpoint_;
  absl::flat_hash_map<Vni, std::vector<TunnelId>> by_network_;
  absl::flat_hash_map<engine::TunnelSource, TunnelId> sources_;
  absl::flat_hash_map<IpAddress, PeerId> peers_;
  std::vector<bool> enforces_;  // by PeerId
  absl::flat_hash_map<PeerId, PeerId> also_;
  std::vector<IpAddress> underlay_;
  std::vector<IpAddress> next_hops_;
  PortId uplink_ = kNoPort;

  friend class OverlayBuilder;
};

// Fills in the remote ends of a decision and the path's MTU.
engine::Step decide(const engine::FirstPacket& packet, const OverlayTable& table, engine::Decision& decision);

// This node's MAC on the underlay: as configured, or one made from its first address.
MacAddress underlay_mac(const ::outrigger::engine::v1::Structure& structure);

}  // namespace outrigger::overlay
