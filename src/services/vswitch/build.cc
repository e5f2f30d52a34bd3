// From the update's Structure to the switch's table.  Every reference is checked here, so that deciding need
// not.
#include <algorithm>
#include <limits>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/vswitch/table.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

namespace v1 = ::outrigger::engine::v1;
using State = VswitchTable::State;

constexpr uint32_t kMaxVni = (1u << 24) - 1;        // RFC 7348 §5
constexpr uint32_t kMinMtu = 576, kMaxMtu = 65535;  // RFC 791 §3.2
constexpr uint32_t kDefaultMtu = 1450;              // 1500 less VXLAN over IPv4
constexpr uint32_t kMinIpv6Mtu = 1280;              // RFC 8200 §5
constexpr int kMaxPerEndpoint = 4096;               // addresses, or prefixes

template <typename... T>
absl::Status invalid(const T&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

std::optional<MacAddress> read_mac(const std::string& bytes) {
  if (bytes.size() != 6) return std::nullopt;
  const MacAddress mac = MacAddress::load(bytes.data());
  if (mac.is_zero() || mac.is_multicast()) return std::nullopt;
  return mac;
}

std::optional<IpAddress> read_host(const std::string& bytes) {
  const auto address = IpAddress::from_bytes(bytes);
  if (!address || address->is_zero() || address->is_multicast() || address->is_broadcast())
    return std::nullopt;
  return address;
}

std::optional<IpPrefix> read_prefix(const v1::Prefix& prefix) {
  const auto address = IpAddress::from_bytes(prefix.address());
  if (!address || prefix.length() > 128) return std::nullopt;
  const auto length = static_cast<uint8_t>(prefix.length());
  if (IpPrefix::mask(*address, length) != *address) return std::nullopt;
  return IpPrefix{*address, length};
}

// Fills one State; a method a kind of entry.
class Building {
 public:
  explicit Building(State& state) : state_(state) {}
  absl::Status all(const v1::Structure& structure);

 private:
  absl::Status node(const v1::Structure& structure);
  absl::Status port(const v1::Port& port);
  absl::Status network(const v1::Network& network);
  absl::Status subnets(const v1::Network& from, const std::string& what, NetworkEntry& entry);
  absl::Status endpoint(const v1::Endpoint& endpoint);
  absl::Status place(const v1::Endpoint& from, const std::string& what, EndpointEntry& entry);
  absl::Status addresses(const v1::Endpoint& from, const std::string& what, EndpointEntry& entry);
  absl::Status prefixes(const v1::Endpoint& from, const std::string& what, EndpointEntry& entry);
  absl::Status own(Vni vni, const IpAddress& address, Owner owner, const std::string& what);
  std::string name_of(Owner owner) const {
    return owner.kind == Owner::Kind::kGateway ? "the gateway"
                                               : absl::StrCat("\"", state_.endpoints[owner.index].name, "\"");
  }

  State& state_;
  absl::flat_hash_map<uint32_t, bool> peers_;  // id -> routes itself
  absl::flat_hash_set<uint32_t> endpoint_ids_;
  absl::flat_hash_set<uint32_t> ports_;
};

absl::Status Building::node(const v1::Structure& structure) {
  for (const std::string& bytes : structure.underlay()) {
    const auto address = read_host(bytes);
    if (!address) return invalid("underlay address is not a host address of 16 bytes");
    state_.underlay.push_back(*address);
  }
  if (!structure.underlay_mac().empty()) {
    const auto mac = read_mac(structure.underlay_mac());
    if (!mac) return invalid("underlay MAC is not a unicast MAC of 6 bytes");
    state_.underlay_mac = *mac;
  }
  for (const v1::Peer& peer : structure.peers()) {
    if (!peers_.emplace(peer.id(), peer.enforces()).second)
      return invalid("peer id ", peer.id(), " is used twice");
    if (peer.id() > std::numeric_limits<uint16_t>::max())
      return invalid("peer id ", peer.id(), " is above 65535");
  }
  return absl::OkStatus();
}

absl::Status Building::port(const v1::Port& port) {
  if (port.id() >= kNoPort.value())
    return invalid("port ", port.id(), ": the id must be below ", kNoPort.value());
  if (!ports_.insert(port.id()).second) return invalid("port id ", port.id(), " is used twice");
  if (state_.ports.size() <= port.id()) state_.ports.resize(port.id() + 1);
  state_.ports[port.id()].uplink = port.role() == v1::Port::UPLINK;
  return absl::OkStatus();
}

absl::Status Building::own(Vni vni, const IpAddress& address, Owner owner, const std::string& what) {
  const auto [at, is_new] = state_.owners.try_emplace(TableKey::address(vni, address), owner);
  if (is_new) return absl::OkStatus();
  return invalid(what, ": address ", address.str(), " already belongs to ", name_of(at->second));
}

absl::Status Building::subnets(const v1::Network& from, const std::string& what, NetworkEntry& entry) {
  for (const v1::Subnet& subnet : from.subnets()) {
    const auto prefix = read_prefix(subnet.prefix());
    if (!prefix) return invalid(what, ": a subnet is not a prefix of 16 bytes without host bits");
    const auto gateway = read_host(subnet.gateway());
    if (!gateway || !prefix->contains(*gateway) || gateway->is_v4() != prefix->is_v4()) {
      return invalid(what, ": the gateway of subnet ", prefix->str(), " is not a host address inside it");
    }
    if (!prefix->is_v4() && entry.mtu < kMinIpv6Mtu) {
      return invalid(what, ": MTU ", entry.mtu, " is below ", kMinIpv6Mtu, ", which subnet ", prefix->str(),
                     " needs");
    }
    for (const SubnetEntry& other : entry.subnets) {
      if (other.prefix.contains(*prefix) || prefix->contains(other.prefix)) {
        return invalid(what, ": subnets ", other.prefix.str(), " and ", prefix->str(), " overlap");
      }
    }
    entry.subnets.push_back({*prefix, *gateway});
    if (auto status = own(entry.vni, *gateway, {Owner::Kind::kGateway, 0}, what); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Building::network(const v1::Network& from) {
  const std::string what = absl::StrCat("network \"", from.name(), "\"");
  if (from.vni() == 0 || from.vni() > kMaxVni)
    return invalid(what, ": VNI ", from.vni(), " is not 1 to ", kMaxVni);
  NetworkEntry entry;
  entry.vni = Vni(from.vni());
  if (!state_.network_index.emplace(entry.vni, state_.networks.size()).second) {
    return invalid(what, ": VNI ", from.vni(), " is used twice");
  }
  const uint32_t mtu = from.mtu() == 0 ? kDefaultMtu : from.mtu();
  if (mtu < kMinMtu || mtu > kMaxMtu)
    return invalid(what, ": MTU ", mtu, " is not ", kMinMtu, " to ", kMaxMtu);
  entry.mtu = static_cast<uint16_t>(mtu);
  const auto mac = read_mac(from.gateway_mac());
  if (!mac) return invalid(what, ": the gateway MAC is not a unicast MAC of 6 bytes");
  entry.gateway_mac = *mac;
  entry.gateway_link_local = link_local(*mac);
  entry.reject = from.reject();
  entry.replicate = from.broadcast() == v1::Network::REPLICATE;
  for (const std::string& bytes : from.dns_servers()) {
    const auto server = read_host(bytes);
    if (!server) return invalid(what, ": a DNS server is not a host address of 16 bytes");
    entry.dns.push_back(*server);
  }
  if (auto status = own(entry.vni, entry.gateway_link_local, {Owner::Kind::kGateway, 0}, what);
      !status.ok()) {
    return status;
  }
  if (auto status = subnets(from, what, entry); !status.ok()) return status;
  state_.networks.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status Building::place(const v1::Endpoint& from, const std::string& what, EndpointEntry& entry) {
  const auto index = static_cast<uint32_t>(state_.endpoints.size());
  if (from.place_case() == v1::Endpoint::kPeer) {
    const auto peer = peers_.find(from.peer());
    if (peer == peers_.end()) return invalid(what, ": peer ", from.peer(), " does not exist");
    entry.peer = PeerId(static_cast<uint16_t>(from.peer()));
    entry.peer_routes = peer->second;
    return absl::OkStatus();
  }
  if (from.place_case() != v1::Endpoint::kPort) return invalid(what, ": has neither port nor peer");
  if (!ports_.contains(from.port())) return invalid(what, ": port ", from.port(), " does not exist");
  State::PortEntry& port = state_.ports[from.port()];
  if (port.uplink) return invalid(what, ": port ", from.port(), " is the uplink");
  if (port.endpoint != State::kNoIndex) {
    return invalid(what, ": port ", from.port(), " is already bound to \"",
                   state_.endpoints[port.endpoint].name, "\"");
  }
  port.endpoint = index;
  entry.port = PortId(static_cast<uint16_t>(from.port()));
  state_.networks[entry.network].local.push_back(index);
  return absl::OkStatus();
}

absl::Status Building::addresses(const v1::Endpoint& from, const std::string& what, EndpointEntry& entry) {
  if (from.addresses_size() > kMaxPerEndpoint)
    return invalid(what, ": more than ", kMaxPerEndpoint, " addresses");
  const Owner owner{Owner::Kind::kEndpoint, static_cast<uint32_t>(state_.endpoints.size())};
  const Vni vni(from.vni());
  const IpAddress automatic = link_local(entry.mac);
  entry.first_address = static_cast<uint32_t>(state_.addresses.size());
  for (const std::string& bytes : from.addresses()) {
    const auto address = read_host(bytes);
    if (!address) return invalid(what, ": an address is not a host address of 16 bytes");
    if (*address == automatic) continue;
    const auto [at, is_new] = state_.owners.try_emplace(TableKey::address(vni, *address), owner);
    if (!is_new) {
      const bool same = at->second.kind == owner.kind && at->second.index == owner.index;
      return invalid(what, ": address ", address->str(),
                     same ? " is given twice" : " already belongs to " + name_of(at->second));
    }
    state_.addresses.push_back(*address);
  }
  if (auto status = own(vni, automatic, owner, what); !status.ok()) return status;
  state_.addresses.push_back(automatic);
  entry.address_count = static_cast<uint16_t>(state_.addresses.size() - entry.first_address);
  return absl::OkStatus();
}

absl::Status Building::prefixes(const v1::Endpoint& from, const std::string& what, EndpointEntry& entry) {
  if (from.prefixes_size() > kMaxPerEndpoint)
    return invalid(what, ": more than ", kMaxPerEndpoint, " prefixes");
  const auto index = static_cast<uint32_t>(state_.endpoints.size());
  std::vector<uint8_t>& lengths = state_.networks[entry.network].prefix_lengths;
  entry.first_prefix = static_cast<uint32_t>(state_.prefixes.size());
  for (const v1::Prefix& bytes : from.prefixes()) {
    const auto prefix = read_prefix(bytes);
    if (!prefix) return invalid(what, ": a prefix is not 16 bytes without host bits");
    const auto [at, is_new] = state_.behind.try_emplace(TableKey::prefix(Vni(from.vni()), *prefix), index);
    if (!is_new) {
      const std::string other = at->second == index ? from.name() : state_.endpoints[at->second].name;
      return invalid(what, ": prefix ", prefix->str(), " is already behind \"", other, "\"");
    }
    state_.prefixes.push_back(*prefix);
    if (std::find(lengths.begin(), lengths.end(), prefix->length) == lengths.end())
      lengths.push_back(prefix->length);
  }
  entry.prefix_count = static_cast<uint16_t>(state_.prefixes.size() - entry.first_prefix);
  return absl::OkStatus();
}

absl::Status Building::endpoint(const v1::Endpoint& from) {
  const std::string what = absl::StrCat("endpoint \"", from.name(), "\"");
  if (from.id() >= engine::End::kNoEnd24) return invalid(what, ": id ", from.id(), " is not below 2^24 - 1");
  if (!endpoint_ids_.insert(from.id()).second) return invalid(what, ": id ", from.id(), " is used twice");
  const auto network = state_.network_index.find(Vni(from.vni()));
  if (network == state_.network_index.end()) return invalid(what, ": no network has VNI ", from.vni());
  EndpointEntry entry;
  entry.id = EndpointId(from.id());
  entry.network = network->second;
  entry.name = from.name();
  const auto mac = read_mac(from.mac());
  if (!mac) return invalid(what, ": the MAC is not a unicast MAC of 6 bytes");
  entry.mac = *mac;
  const auto [at, is_new] = state_.macs.try_emplace(TableKey::mac(Vni(from.vni()), *mac),
                                                    static_cast<uint32_t>(state_.endpoints.size()));
  if (!is_new) {
    return invalid(what, ": MAC ", mac->str(), " already belongs to \"", state_.endpoints[at->second].name,
                   "\"");
  }
  if (*mac == state_.networks[entry.network].gateway_mac) {
    return invalid(what, ": MAC ", mac->str(), " is the gateway's");
  }
  if (auto status = place(from, what, entry); !status.ok()) return status;
  if (auto status = addresses(from, what, entry); !status.ok()) return status;
  if (auto status = prefixes(from, what, entry); !status.ok()) return status;
  state_.endpoints.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status Building::all(const v1::Structure& structure) {
  if (auto status = node(structure); !status.ok()) return status;
  for (const v1::Port& one : structure.ports()) {
    if (auto status = port(one); !status.ok()) return status;
  }
  for (const v1::Network& one : structure.networks()) {
    if (auto status = network(one); !status.ok()) return status;
  }
  state_.endpoints.reserve(static_cast<size_t>(structure.endpoints_size()));
  state_.owners.reserve(state_.owners.size() + 3 * static_cast<size_t>(structure.endpoints_size()));
  state_.macs.reserve(static_cast<size_t>(structure.endpoints_size()));
  for (const v1::Endpoint& one : structure.endpoints()) {
    if (auto status = endpoint(one); !status.ok()) return status;
  }
  for (NetworkEntry& entry : state_.networks) {
    std::sort(entry.prefix_lengths.begin(), entry.prefix_lengths.end(), std::greater<>());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VswitchTable> VswitchTable::build(const v1::Structure& structure) {
  auto state = std::make_unique<State>();
  if (auto status = Building(*state).all(structure); !status.ok()) return status;
  VswitchTable table;
  table.state_ = std::move(state);
  return table;
}

}  // namespace outrigger::vswitch
