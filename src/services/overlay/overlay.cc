#include "services/overlay/overlay.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/overlay/template.h"

namespace outrigger::overlay {

namespace v1 = ::outrigger::engine::v1;

namespace {

absl::StatusOr<std::vector<IpAddress>> addresses(const google::protobuf::RepeatedPtrField<std::string>& wire,
                                                 const std::string& whose) {
  std::vector<IpAddress> out;
  for (const std::string& bytes : wire) {
    const auto address = IpAddress::from_bytes(bytes);
    if (!address)
      return absl::InvalidArgumentError(absl::StrCat(whose, ": an underlay address is not 16 bytes"));
    out.push_back(*address);
  }
  return out;
}

}  // namespace

class OverlayBuilder {
 public:
  OverlayBuilder(const v1::Structure& structure, const Neighbours& neighbours)
      : structure_(structure), neighbours_(neighbours) {}

  absl::StatusOr<OverlayTable> build() {
    auto own = addresses(structure_.underlay(), "this node");
    if (!own.ok()) return own.status();
    table_.underlay_ = *std::move(own);
    for (const v1::Port& port : structure_.ports()) {
      if (port.role() == v1::Port::UPLINK) table_.uplink_ = PortId(static_cast<uint16_t>(port.id()));
    }
    for (const v1::Peer& peer : structure_.peers()) {
      if (absl::Status status = add_peer(peer); !status.ok()) return status;
    }
    place_endpoints();
    return std::move(table_);
  }

 private:
  absl::Status add_peer(const v1::Peer& peer) {
    auto theirs = addresses(peer.underlay(), absl::StrCat("peer \"", peer.name(), "\""));
    if (!theirs.ok()) return theirs.status();
    if (!peer.mac().empty() && peer.mac().size() != 6) {
      return absl::InvalidArgumentError(absl::StrCat("peer \"", peer.name(), "\": its MAC is not 6 bytes"));
    }
    const PeerId id(static_cast<uint16_t>(peer.id()));
    if (table_.enforces_.size() <= id.value()) table_.enforces_.resize(id.value() + 1u);
    table_.enforces_[id.value()] = peer.enforces();
    if (peer.has_also()) table_.also_[id] = PeerId(static_cast<uint16_t>(peer.also()));
    for (const IpAddress& address : *theirs) table_.peers_[address] = id;
    for (const IpAddress& theirs_one : *theirs) {
      for (const IpAddress& ours : table_.underlay_) {
        if (ours.is_v4() != theirs_one.is_v4()) continue;
        add_path(peer, id, ours, theirs_one);
      }
    }
    return absl::OkStatus();
  }

  // One tunnel for each network; the first family both ends have carries the traffic, every one may arrive.
  void add_path(const v1::Peer& peer, PeerId id, const IpAddress& ours, const IpAddress& theirs) {
    const bool resolvable = peer.mac().empty();
    if (resolvable) table_.next_hops_.push_back(theirs);
    const auto known = neighbours_.find(theirs);
    for (const v1::Network& network : structure_.networks()) {
      TemplateSpec spec{.source = ours, .destination = theirs, .source_mac = underlay_mac(structure_)};
      spec.vni = Vni(network.vni());
      spec.geneve = network.encapsulation() == v1::ENCAPSULATION_GENEVE;
      spec.underlay_mtu =
          structure_.underlay_mtu() == 0 ? 1500 : static_cast<uint16_t>(structure_.underlay_mtu());
      engine::Tunnel tunnel = make_tunnel(spec);
      // The network's own limit holds on this side too: the sender is told here, not by the far node.
      if (network.mtu() != 0 && network.mtu() < tunnel.inner_mtu) {
        tunnel.inner_mtu = static_cast<uint16_t>(network.mtu());
      }
      if (!resolvable) {
        set_next_hop(tunnel, MacAddress::load(peer.mac().data()));
      } else if (known != neighbours_.end()) {
        set_next_hop(tunnel, known->second);
      }
      tunnel.uplink = table_.uplink_;
      tunnel.peer = id;
      const TunnelId tunnel_id(static_cast<uint16_t>(table_.tunnels_.size()));
      table_.tunnels_.push_back(tunnel);
      const auto type = spec.geneve ? packet::TunnelType::kGeneve : packet::TunnelType::kVxlan;
      const auto [first, is_first] = primary_.try_emplace({id.value(), network.vni()}, tunnel_id);
      if (is_first) table_.by_network_[spec.vni].push_back(tunnel_id);
      // Frames of either family belong to the peer's one place, so that a session does not care which carried
      // it.
      table_.sources_[{theirs, network.vni() << 8 | static_cast<uint32_t>(type)}] = first->second;
    }
  }

  void place_endpoints() {
    for (const v1::Endpoint& endpoint : structure_.endpoints()) {
      if (endpoint.place_case() != v1::Endpoint::kPeer) continue;
      const auto tunnel = primary_.find({static_cast<uint16_t>(endpoint.peer()), endpoint.vni()});
      if (tunnel == primary_.end()) continue;
      if (table_.by_endpoint_.size() <= endpoint.id())
        table_.by_endpoint_.resize(endpoint.id() + 1, kNoTunnel);
      table_.by_endpoint_[endpoint.id()] = tunnel->second;
    }
  }

  const v1::Structure& structure_;
  const Neighbours& neighbours_;
  OverlayTable table_;
  absl::flat_hash_map<std::pair<uint16_t, uint32_t>, TunnelId> primary_;  // (peer, VNI)
};

absl::StatusOr<OverlayTable> OverlayTable::build(const v1::Structure& structure,
                                                 const Neighbours& neighbours) {
  const size_t tunnels = static_cast<size_t>(structure.peers_size()) * structure.networks_size() * 2;
  if (tunnels >= 0xffff) {
    return absl::ResourceExhaustedError(absl::StrCat(structure.peers_size(), " peers x ",
                                                     structure.networks_size(),
                                                     " networks need more than 65534 tunnels"));
  }
  return OverlayBuilder(structure, neighbours).build();
}

const std::vector<TunnelId>& OverlayTable::tunnels_of(Vni vni) const {
  static const std::vector<TunnelId> none;
  const auto found = by_network_.find(vni);
  return found == by_network_.end() ? none : found->second;
}

bool OverlayTable::may_come_through(EndpointId source, TunnelId arrived) const {
  const TunnelId home = tunnel_to(source);
  if (home == arrived) return true;
  if (home == kNoTunnel) return false;
  const auto also = also_.find(tunnel(home).peer);
  if (also != also_.end() && also->second == tunnel(arrived).peer) return true;
  return enforces_[tunnel(arrived).peer.value()] && !enforces_[tunnel(home).peer.value()];
}

void OverlayTable::describe(engine::Actions& actions) const {
  actions.tunnels = tunnels_;
  actions.sources = sources_;
  actions.peers = peers_;
  actions.underlay = underlay_;
  actions.uplink = uplink_;
}

engine::Step decide(const engine::FirstPacket& packet, const OverlayTable& table,
                    engine::Decision& decision) {
  using engine::Step;
  if (packet.tunnel != kNoTunnel) {
    if (decision.source != kNoEndpoint && !table.may_come_through(decision.source, packet.tunnel)) {
      return Step::dropped(Drop::kTunnelSourceMismatch);
    }
    decision.from.port = packet.port;
    decision.from.tunnel = packet.tunnel;
  }
  if (decision.to.port != kNoPort) return Step::next();
  const TunnelId to = table.tunnel_to(decision.destination);
  if (to == kNoTunnel || table.uplink() == kNoPort) return Step::dropped(Drop::kOverlayNoPeer);
  const engine::Tunnel& tunnel = table.tunnel(to);
  if (!tunnel.resolved) return Step::dropped(Drop::kOverlayNeighbourUnresolved);
  decision.to.port = tunnel.uplink;
  decision.to.tunnel = to;
  decision.mtu = std::min(decision.mtu, tunnel.inner_mtu);
  return Step::next();
}

MacAddress underlay_mac(const v1::Structure& structure) {
  if (structure.underlay_mac().size() == 6) return MacAddress::load(structure.underlay_mac().data());
  MacAddress mac{{0x02, 0x75, 0, 0, 0, 0}};
  if (structure.underlay_size() > 0) {
    if (const auto address = IpAddress::from_bytes(structure.underlay(0))) {
      const uint32_t low = static_cast<uint32_t>(address->lo);
      for (int i = 0; i < 4; ++i) mac.bytes[2 + i] = static_cast<uint8_t>(low >> (24 - 8 * i));
    }
  }
  return mac;
}

}  // namespace outrigger::overlay
