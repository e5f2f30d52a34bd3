// What the switch knows, in the form a first packet asks for it: who is behind this port, who has this
// address or MAC in this network, what lies behind whom.
//
// Theory of operation.  One hash map holds every address of every network, the gateways' included, so that
// one lookup tells endpoint, gateway or nobody.  Prefixes behind endpoints are looked up by the few lengths a
// network uses, longest first.  Entries refer to each other by index. Thread-safety: immutable once built.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/address.h"
#include "base/id.h"
#include "services/vswitch/vswitch.h"

namespace outrigger::vswitch {

struct SubnetEntry {
  IpPrefix prefix;
  IpAddress gateway;
};

struct NetworkEntry {
  Vni vni;
  uint16_t mtu = 0;
  bool reject = false;
  bool replicate = false;
  MacAddress gateway_mac;
  IpAddress gateway_link_local;  // of gateway_mac: the router's address in advertisements
  std::vector<SubnetEntry> subnets;
  std::vector<IpAddress> dns;
  std::vector<uint8_t> prefix_lengths;  // of prefixes behind endpoints, longest first
  std::vector<uint32_t> local;          // indexes of its endpoints on this node

  // nullptr: outside all of them.
  [[nodiscard]] const SubnetEntry* subnet_of(const IpAddress& address) const {
    for (const SubnetEntry& subnet : subnets) {
      if (subnet.prefix.contains(address)) return &subnet;
    }
    return nullptr;
  }
};

struct EndpointEntry {
  EndpointId id;
  uint32_t network = 0;        // index
  uint32_t first_address = 0;  // into State::addresses: its own, the link-local made of its MAC last
  uint32_t first_prefix = 0;   // into State::prefixes
  uint16_t address_count = 0;
  uint16_t prefix_count = 0;
  PortId port = kNoPort;  // kNoPort: remote
  PeerId peer;            // when remote
  MacAddress mac;
  bool peer_routes = false;  // remote, on a node that routes what it sends here before it sends it
  std::string name;          // without its namespace

  [[nodiscard]] bool local() const { return port != kNoPort; }
};

// Who has an address.
struct Owner {
  enum class Kind : uint8_t { kNobody, kEndpoint, kGateway };
  Kind kind = Kind::kNobody;
  uint32_t index = 0;  // of the endpoint
};

enum class Ownership : uint8_t { kNone, kOwn, kBehind };

// Address, prefix or MAC within a network.  Mixed by two multiplications: a lookup is a first packet's main
// cost.
struct TableKey {
  uint64_t hi = 0;
  uint64_t lo = 0;
  uint32_t vni_length = 0;  // VNI << 8 | prefix length; 128 for an address, 255 for a MAC

  static TableKey address(Vni vni, const IpAddress& a) { return {a.hi, a.lo, vni.value() << 8 | 128}; }
  static TableKey prefix(Vni vni, const IpPrefix& p) {
    return {p.address.hi, p.address.lo, vni.value() << 8 | p.length};
  }
  static TableKey mac(Vni vni, const MacAddress& mac) {
    uint64_t value = 0;
    std::memcpy(&value, mac.bytes.data(), 6);
    return {0, value, vni.value() << 8 | 255};
  }
  friend bool operator==(const TableKey&, const TableKey&) = default;
};

struct TableHash {
  size_t operator()(const TableKey& key) const {
    const auto product = static_cast<unsigned __int128>(key.hi ^ 0x9e3779b97f4a7c15ULL ^ key.vni_length) *
                         (key.lo ^ 0xd6e8feb86659fd93ULL);
    const uint64_t mixed = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    const auto again = static_cast<unsigned __int128>(mixed ^ key.lo) * 0xa0761d6478bd642fULL;
    return static_cast<size_t>(again) ^ static_cast<size_t>(again >> 64);
  }
};

struct VswitchTable::State {
  static constexpr uint32_t kNoIndex = 0xffffffff;
  struct PortEntry {
    uint32_t endpoint = kNoIndex;
    bool uplink = false;
  };

  std::vector<PortEntry> ports;  // by PortId
  std::vector<NetworkEntry> networks;
  std::vector<EndpointEntry> endpoints;
  std::vector<IpAddress> addresses;
  std::vector<IpPrefix> prefixes;
  absl::flat_hash_map<Vni, uint32_t> network_index;
  absl::flat_hash_map<TableKey, Owner, TableHash> owners;     // addresses
  absl::flat_hash_map<TableKey, uint32_t, TableHash> behind;  // prefixes -> endpoint
  absl::flat_hash_map<TableKey, uint32_t, TableHash> macs;    // MACs -> endpoint
  std::vector<IpAddress> underlay;
  MacAddress underlay_mac;

  [[nodiscard]] bool is_uplink(PortId port) const {
    return port.value() < ports.size() && ports[port.value()].uplink;
  }
  [[nodiscard]] const EndpointEntry* at_port(PortId port) const {
    if (port.value() >= ports.size() || ports[port.value()].endpoint == kNoIndex) return nullptr;
    return &endpoints[ports[port.value()].endpoint];
  }
  [[nodiscard]] const NetworkEntry* network(Vni vni) const {
    const auto found = network_index.find(vni);
    return found == network_index.end() ? nullptr : &networks[found->second];
  }
  [[nodiscard]] const NetworkEntry& network_of(const EndpointEntry& endpoint) const {
    return networks[endpoint.network];
  }
  [[nodiscard]] Owner owner(Vni vni, const IpAddress& address) const {
    const auto found = owners.find(TableKey::address(vni, address));
    return found == owners.end() ? Owner{} : found->second;
  }
  [[nodiscard]] const EndpointEntry* with_mac(Vni vni, const MacAddress& mac) const {
    const auto found = macs.find(TableKey::mac(vni, mac));
    return found == macs.end() ? nullptr : &endpoints[found->second];
  }
  [[nodiscard]] std::span<const IpAddress> addresses_of(const EndpointEntry& endpoint) const {
    return {addresses.data() + endpoint.first_address, endpoint.address_count};
  }
  [[nodiscard]] std::span<const IpPrefix> prefixes_of(const EndpointEntry& endpoint) const {
    return {prefixes.data() + endpoint.first_prefix, endpoint.prefix_count};
  }

  // The endpoint that has `address` behind it, by longest prefix.  A subnet is a route too: what is on-link
  // is not found behind a shorter prefix.
  [[nodiscard]] const EndpointEntry* in_front_of(const NetworkEntry& network, const IpAddress& address) const;

  // Whether the endpoint may use `address`: its own, one behind it, or a link-local that is nobody else's.
  [[nodiscard]] Ownership ownership(const EndpointEntry& endpoint, const IpAddress& address) const;
};

}  // namespace outrigger::vswitch
