#include "host/world.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"

namespace outrigger::host {
namespace {

namespace engine = ::outrigger::engine::v1;

template <typename... Parts>
absl::Status unsound(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("bundle: ", parts...));
}

std::optional<MacAddress> mac(const std::string& bytes) {
  if (bytes.size() != 6) return std::nullopt;
  return MacAddress::load(bytes.data());
}

std::optional<IpPrefix> prefix(const engine::Prefix& from) {
  const auto address = IpAddress::from_bytes(from.address());
  if (!address || from.length() > 128) return std::nullopt;
  const auto length = static_cast<uint8_t>(from.length());
  return IpPrefix{IpPrefix::mask(*address, length), length};
}

class Reader {
 public:
  explicit Reader(const v1::HostBundle& bundle) : bundle_(bundle) {}

  absl::StatusOr<World> read() {
    if (!update_.ParseFromString(bundle_.update())) return unsound("its update cannot be read");
    if (!update_.has_structure() || !update_.has_policy()) return unsound("its update is not whole");
    const auto tunnel = IpAddress::from_bytes(bundle_.fallback_underlay());
    if (!tunnel || tunnel->is_zero()) return unsound("has no tunnel address for the host");
    world_.node = bundle_.node();
    world_.generation = bundle_.generation();
    world_.tunnel = *tunnel;
    world_.policy = update_.policy();
    for (const engine::Subject& one : world_.policy.set_subjects())
      world_.classes[one.endpoint()] = one.class_();
    for (const auto& step : {&Reader::peers, &Reader::networks, &Reader::places}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    keep_what_is_local();
    sources();
    return std::move(world_);
  }

 private:
  // The first address of the family that the host's own tunnel address has.
  absl::Status peers() {
    for (const engine::Peer& peer : update_.structure().peers()) {
      IpAddress found;
      for (const std::string& bytes : peer.underlay()) {
        const auto address = IpAddress::from_bytes(bytes);
        if (!address) return unsound("peer ", peer.name(), ": an address is not 16 bytes");
        if (found.is_zero() && address->is_v4() == world_.tunnel.is_v4()) found = *address;
      }
      tunnels_[peer.id()] = found;
      if (found.is_zero()) {
        world_.unfit.push_back(absl::StrCat("Node ", peer.name(), ": has no tunnel address of the family of ",
                                            world_.tunnel.str()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status networks() {
    for (const engine::Network& from : update_.structure().networks()) {
      const auto gateway_mac = mac(from.gateway_mac());
      if (!gateway_mac) return unsound("network ", from.name(), ": its gateway's MAC is not 6 bytes");
      if (from.vni() == 0 || from.vni() >= 1u << 24)
        return unsound("network ", from.name(), ": VNI ", from.vni());
      NetworkWorld made{.vni = from.vni(), .name = from.name(), .mtu = from.mtu(), .reject = from.reject()};
      made.gateway_mac = *gateway_mac;
      for (const engine::Subnet& subnet : from.subnets()) {
        const auto range = prefix(subnet.prefix());
        const auto gateway = IpAddress::from_bytes(subnet.gateway());
        if (!range || !gateway) return unsound("network ", from.name(), ": a subnet is not sound");
        made.subnets.push_back({*range, *gateway});
      }
      if (!by_vni_.emplace(from.vni(), world_.networks.size()).second)
        return unsound("VNI ", from.vni(), " twice");
      world_.networks.push_back(std::move(made));
    }
    return absl::OkStatus();
  }

  absl::Status places() {
    for (const engine::Endpoint& from : update_.structure().endpoints()) {
      const auto network = by_vni_.find(from.vni());
      if (network == by_vni_.end()) return unsound("endpoint ", from.name(), ": no network ", from.vni());
      const auto own = mac(from.mac());
      if (!own) return unsound("endpoint ", from.name(), ": its MAC is not 6 bytes");
      Place made{.id = from.id(), .name = from.name(), .mac = *own};
      for (const std::string& bytes : from.addresses()) {
        const auto address = IpAddress::from_bytes(bytes);
        if (!address) return unsound("endpoint ", from.name(), ": an address is not 16 bytes");
        made.addresses.push_back(*address);
      }
      for (const engine::Prefix& behind : from.prefixes()) {
        const auto range = prefix(behind);
        if (!range) return unsound("endpoint ", from.name(), ": a prefix is not sound");
        made.prefixes.push_back(*range);
      }
      made.local = from.place_case() == engine::Endpoint::kPort;
      if (from.place_case() == engine::Endpoint::kPeer) made.tunnel = tunnels_[from.peer()];
      if (made.local && from.session_quota() != 0) {
        world_.unfit.push_back(absl::StrCat("Endpoint ", made.name, ": spec.sessionQuota is not enforced"));
      }
      world_.networks[network->second].places.push_back(std::move(made));
    }
    return absl::OkStatus();
  }

  void keep_what_is_local() {
    std::set<uint32_t> refused;
    for (const engine::Network& from : update_.structure().networks()) {
      if (from.encapsulation() != engine::ENCAPSULATION_GENEVE) continue;
      refused.insert(from.vni());
    }
    std::vector<NetworkWorld> kept;
    for (NetworkWorld& network : world_.networks) {
      const bool local =
          std::any_of(network.places.begin(), network.places.end(), [](const Place& p) { return p.local; });
      if (!local) continue;
      if (refused.contains(network.vni)) {
        world_.unfit.push_back(
            absl::StrCat("Network ", network.name, ": encapsulation geneve; its endpoints stay closed"));
        continue;
      }
      kept.push_back(std::move(network));
    }
    world_.networks = std::move(kept);
    for (const engine::Network& from : update_.structure().networks()) note(from);
    std::sort(world_.networks.begin(), world_.networks.end(),
              [](const auto& a, const auto& b) { return a.vni < b.vni; });
  }

  void note(const engine::Network& from) {
    const bool carried = std::any_of(world_.networks.begin(), world_.networks.end(),
                                     [&](const NetworkWorld& n) { return n.vni == from.vni(); });
    if (!carried || from.broadcast() != engine::Network::REPLICATE) return;
    world_.unfit.push_back(
        absl::StrCat("Network ", from.name(), ": broadcast replicate; broadcast and multicast are dropped"));
  }

  // Who may speak through whose tunnel; a node that judges may also route for nodes that do not, and one that
  // is on its way between its DPU and its host speaks through either.
  void sources() {
    std::map<uint32_t, bool> judges;
    std::set<std::pair<uint32_t, uint32_t>> also;  // peer that endpoints are behind, peer they may come from
    for (const engine::Peer& peer : update_.structure().peers()) {
      judges[peer.id()] = peer.enforces();
      if (peer.has_also()) also.emplace(peer.id(), peer.also());
    }
    for (const engine::Peer& peer : update_.structure().peers()) {
      if (tunnels_[peer.id()].is_zero()) continue;
      TunnelPeer made{.name = peer.name(), .address = tunnels_[peer.id()]};
      for (const engine::Endpoint& endpoint : update_.structure().endpoints()) {
        if (endpoint.place_case() != engine::Endpoint::kPeer) continue;
        const bool routes_for_it = peer.enforces() && !judges[endpoint.peer()];
        if (endpoint.peer() != peer.id() && !routes_for_it && !also.contains({endpoint.peer(), peer.id()}))
          continue;
        std::vector<Interval>& to = made.sources[endpoint.vni()];
        for (const std::string& bytes : endpoint.addresses()) {
          const auto address = IpAddress::from_bytes(bytes);
          to.push_back({*address, *address});
        }
        for (const engine::Prefix& behind : endpoint.prefixes()) to.push_back(interval(*prefix(behind)));
      }
      world_.peers.push_back(std::move(made));
    }
  }

  const v1::HostBundle& bundle_;
  engine::Update update_;
  World world_;
  std::map<uint32_t, IpAddress> tunnels_;  // by peer id
  std::map<uint32_t, size_t> by_vni_;
};

}  // namespace

absl::StatusOr<World> read_world(const v1::HostBundle& bundle) { return Reader(bundle).read(); }

}  // namespace outrigger::host
