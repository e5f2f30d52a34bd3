// What the fast path looks up by index to carry out a Decision: ports, tunnel templates, MAC rewrites, and
// which (peer address, VNI) may be decapsulated.  It knows no policy and no topology.  Immutable once
// published.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/address.h"
#include "base/id.h"
#include "packet/parser.h"

namespace outrigger::engine {

enum class PortRole : uint8_t { kUnbound, kEndpoint, kUplink };

struct PortAction {
  MacAddress mac;  // the endpoint's, which every frame from it must carry; the uplink's own
  PortRole role = PortRole::kUnbound;
  Vni vni;  // of the endpoint
  EndpointId endpoint = kNoEndpoint;
  uint16_t mtu = 1500;  // largest IP packet
};

// Outer headers, ready but for lengths, source port and checksum.
struct Tunnel {
  static constexpr size_t kMaxHeader =
      14 + 40 + 8 + 8;  // Ethernet, IPv6, UDP, VXLAN or Geneve without options
  std::array<uint8_t, 72> header{};
  uint8_t header_length = 0;  // 50 over IPv4, 70 over IPv6
  bool ipv6 = false;
  bool resolved = false;  // the outer destination MAC is known
  uint32_t checksum = 0;  // ones' complement sum of the IPv4 header with length and id zero
  PortId uplink = kNoPort;
  uint16_t inner_mtu = 0;  // largest inner IP packet
  PeerId peer;
  Vni vni;
};

// Both MACs of a frame delivered by routing.
struct Rewrite {
  MacAddress destination;
  MacAddress source;
};

// Which tunnel a frame from the fabric came through.
struct TunnelSource {
  IpAddress address;
  uint32_t vni_type = 0;  // VNI << 8 | packet::TunnelType
  friend bool operator==(const TunnelSource&, const TunnelSource&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const TunnelSource& source) {
    return H::combine(std::move(h), source.address, source.vni_type);
  }
};

struct Actions {
  std::vector<PortAction> ports;    // by PortId
  std::vector<Tunnel> tunnels;      // by TunnelId; [0] is unused
  std::vector<Rewrite> rewrites;    // by EndpointId
  std::vector<IpAddress> underlay;  // our tunnel addresses
  absl::flat_hash_map<TunnelSource, TunnelId> sources;
  absl::flat_hash_map<IpAddress, PeerId> peers;  // authorised outer sources, to name what is wrong
  PortId uplink = kNoPort;
};

}  // namespace outrigger::engine
