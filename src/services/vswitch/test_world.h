// The small world the tests of this room live in: two networks, endpoints here, on another dpu node and on a
// plain host.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "packet/builder.h"
#include "packet/parser.h"
#include "services/vswitch/vswitch.h"

namespace outrigger::vswitch::test {

namespace v1 = ::outrigger::engine::v1;
using packet::Builder;

inline IpAddress ip(const char* text) { return *IpAddress::parse(text); }
inline MacAddress mac(uint8_t last) { return {{2, 0, 0, 0, 1, last}}; }
inline std::string bytes(const MacAddress& m) { return {reinterpret_cast<const char*>(m.bytes.data()), 6}; }

inline const MacAddress kGatewayMac{{2, 0, 0, 0, 0, 0xfe}};
inline const MacAddress kUnderlayMac{{2, 0, 0, 0, 0, 0x77}};
inline const MacAddress kFabricMac{{2, 0, 0, 0, 0, 0x99}};
inline constexpr Vni kBlue{100}, kRed{200};
inline constexpr PortId kUplink{0}, kWebPort{1}, kDbPort{2}, kRouterPort{3}, kUnboundPort{4}, kRedPort{5},
    kRed2Port{6}, kCachePort{7};
inline constexpr TunnelId kFromDpu{1}, kFromPlain{2}, kRedTunnel{3};
inline const MacAddress kWeb = mac(1), kDb = mac(2), kRouter = mac(3), kRed1 = mac(5), kRed2 = mac(6),
                        kCache = mac(7), kFar = mac(21), kFarDb = mac(22), kPlain = mac(31),
                        kPlainDb = mac(32);
inline constexpr EndpointId kWebId{40}, kDbId{41}, kRouterId{42}, kCacheId{47}, kFarId{51}, kFarDbId{52},
    kPlainId{61}, kPlainDbId{62}, kRed1Id{70}, kRed2Id{71};

inline void set_prefix(v1::Prefix* out, const char* text) {
  const IpPrefix prefix = *IpPrefix::parse(text);
  out->set_address(prefix.address.bytes());
  out->set_length(prefix.length);
}

inline v1::Network* add_network(v1::Structure& s, Vni vni, const char* name,
                                std::vector<std::pair<const char*, const char*>> subnets) {
  v1::Network* network = s.add_networks();
  network->set_vni(vni.value());
  network->set_name(name);
  network->set_mtu(1450);
  network->set_gateway_mac(bytes(kGatewayMac));
  for (const auto& [prefix, gateway] : subnets) {
    v1::Subnet* subnet = network->add_subnets();
    set_prefix(subnet->mutable_prefix(), prefix);
    subnet->set_gateway(ip(gateway).bytes());
  }
  return network;
}

inline v1::Endpoint* add_endpoint(v1::Structure& s, EndpointId id, const char* name, Vni vni,
                                  const MacAddress& m, std::vector<const char*> addresses) {
  v1::Endpoint* endpoint = s.add_endpoints();
  endpoint->set_id(id.value());
  endpoint->set_name(name);
  endpoint->set_vni(vni.value());
  endpoint->set_mac(bytes(m));
  for (const char* address : addresses) endpoint->add_addresses(ip(address).bytes());
  return endpoint;
}

inline void add_ports_and_peers(v1::Structure& s) {
  for (uint32_t id = 0; id <= 7; ++id) {
    v1::Port* port = s.add_ports();
    port->set_id(id);
    port->set_role(id == 0 ? v1::Port::UPLINK : v1::Port::ENDPOINT);
  }
  for (uint32_t id = 0; id < 2; ++id) {
    v1::Peer* peer = s.add_peers();
    peer->set_id(id);
    peer->set_enforces(id == 0);
  }
  s.add_underlay(ip("192.0.2.1").bytes());
  s.add_underlay(ip("2001:db8::1").bytes());
  s.set_underlay_mac(bytes(kUnderlayMac));
}

inline v1::Structure world() {
  v1::Structure s;
  add_ports_and_peers(s);
  v1::Network* blue = add_network(s, kBlue, "blue",
                                  {{"10.1.0.0/24", "10.1.0.1"},
                                   {"10.1.1.0/24", "10.1.1.1"},
                                   {"fd00:1::/64", "fd00:1::1"},
                                   {"fd00:2::/64", "fd00:2::1"}});
  blue->add_dns_servers(ip("10.1.0.53").bytes());
  blue->add_dns_servers(ip("fd00:1::53").bytes());
  blue->set_reject(true);
  add_network(s, kRed, "red", {{"10.1.0.0/24", "10.1.0.1"}})->set_broadcast(v1::Network::REPLICATE);
  add_endpoint(s, kWebId, "shop/web-1", kBlue, kWeb, {"10.1.0.11", "fd00:1::11"})->set_port(1);
  add_endpoint(s, kDbId, "shop/db", kBlue, kDb, {"10.1.1.12", "fd00:2::12"})->set_port(2);
  v1::Endpoint* router =
      add_endpoint(s, kRouterId, "shop/router", kBlue, kRouter, {"10.1.0.13", "fd00:1::13"});
  router->set_port(3);
  for (const char* prefix : {"172.16.0.0/16", "2001:db8:5::/48", "0.0.0.0/0"}) {
    set_prefix(router->add_prefixes(), prefix);
  }
  add_endpoint(s, kCacheId, "shop/cache", kBlue, kCache, {"10.1.0.17", "fd00:1::17"})->set_port(7);
  add_endpoint(s, kRed1Id, "red/one", kRed, kRed1, {"10.1.0.11"})->set_port(5);
  add_endpoint(s, kRed2Id, "red/two", kRed, kRed2, {"10.1.0.12"})->set_port(6);
  add_endpoint(s, kFarId, "shop/far", kBlue, kFar, {"10.1.0.21", "fd00:1::21"})->set_peer(0);
  add_endpoint(s, kFarDbId, "shop/far-db", kBlue, kFarDb, {"10.1.1.22", "fd00:2::22"})->set_peer(0);
  add_endpoint(s, kPlainId, "lab/plain", kBlue, kPlain, {"10.1.0.31", "fd00:1::31"})->set_peer(1);
  add_endpoint(s, kPlainDbId, "lab/plain-db", kBlue, kPlainDb, {"10.1.1.32"})->set_peer(1);
  add_endpoint(s, EndpointId{72}, "red/far", kRed, mac(41), {"10.1.0.41"})->set_peer(0);
  return s;
}

using Bytes = std::vector<uint8_t>;

inline Bytes make(const std::function<void(Builder&)>& fill) {
  std::array<uint8_t, 4096> buffer{};
  Builder builder(buffer);
  fill(builder);
  const size_t size = builder.finish();
  return {buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(size)};
}

inline Bytes udp(const MacAddress& to, const MacAddress& from, const char* source, const char* destination,
                 uint8_t ttl = 64, uint16_t source_port = 1000, uint16_t destination_port = 2000) {
  return make([&](Builder& b) {
    b.ethernet(to, from).ip(ip(source), ip(destination), ttl).udp(source_port, destination_port).zeros(20);
  });
}

// A frame as it meets the switch, and what the switch says.
struct Arrival {
  Bytes frame;
  packet::PacketInfo info;
  engine::FirstPacket packet;

  Arrival(PortId port, TunnelId tunnel, Bytes frame_bytes, Vni vni)
      : frame(std::move(frame_bytes)), packet{info, frame, port, tunnel} {
    packet::parse(frame, vni, info);
  }
  Arrival(const Arrival&) = delete;
};

inline Vni vni_of(PortId port, TunnelId tunnel) {
  if (tunnel != kNoTunnel) return tunnel == kRedTunnel ? kRed : kBlue;
  if (port == kUplink) return Vni{0};
  return port == kRedPort || port == kRed2Port ? kRed : kBlue;
}

struct Verdict {
  engine::Step step;
  engine::Decision decision;
};

inline const VswitchTable& table() {
  static const VswitchTable built = *VswitchTable::build(world());
  return built;
}

inline Verdict decided(PortId port, TunnelId tunnel, const Bytes& frame) {
  const Arrival arrival(port, tunnel, frame, vni_of(port, tunnel));
  Verdict verdict;
  verdict.step = decide(arrival.packet, table(), verdict.decision);
  return verdict;
}

// The answer, parsed again; empty frame when there is none.
struct Answer {
  Bytes frame;
  packet::PacketInfo info;
  [[nodiscard]] std::span<const uint8_t> l4() const { return std::span(frame).subspan(info.l4_offset); }
};

inline Answer answered(PortId port, TunnelId tunnel, const Bytes& frame) {
  const Arrival arrival(port, tunnel, frame, vni_of(port, tunnel));
  Answer answer;
  answer.frame.resize(2048);
  answer.frame.resize(respond(arrival.packet, table(), answer.frame));
  packet::parse(answer.frame, vni_of(port, tunnel), answer.info);
  return answer;
}

inline Answer refused(PortId port, TunnelId tunnel, const Bytes& frame, engine::Step::Error error,
                      uint16_t mtu = 0) {
  const Arrival arrival(port, tunnel, frame, vni_of(port, tunnel));
  Answer answer;
  answer.frame.resize(2048);
  answer.frame.resize(refuse(arrival.packet, table(), error, mtu, answer.frame));
  packet::parse(answer.frame, vni_of(port, tunnel), answer.info);
  return answer;
}

}  // namespace outrigger::vswitch::test
