#include "compiler/structure.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/health_network.h"

namespace outrigger::compiler {

namespace v1 = ::outrigger::engine::v1;

namespace {

constexpr uint32_t kUplink = 0;
constexpr uint32_t kMaxPort = 0xfffe;        // 0xffff is kNoPort
constexpr uint32_t kMaxPeer = 0xffff;        // PeerId has 16 bits
constexpr uint32_t kMaxEndpoint = 0xfffffe;  // End::endpoint has 24 bits, all ones is none

absl::Status too_many(const std::string& what, uint32_t most) {
  return absl::ResourceExhaustedError(
      absl::StrCat(what, ": a node takes at most ", most + 1, " of its kind"));
}

void write(const IpPrefix& from, v1::Prefix& to) {
  to.set_address(from.address.bytes());
  to.set_length(from.length);
}

std::string mac_bytes(const MacAddress& mac) { return {reinterpret_cast<const char*>(mac.bytes.data()), 6}; }

// Locally administered, "ou" and the VNI: every node arrives at the same one with nothing to agree on.
std::string gateway_mac(uint32_t vni) {
  return mac_bytes({{0x02, 0x6f, 0x75, static_cast<uint8_t>(vni >> 16), static_cast<uint8_t>(vni >> 8),
                     static_cast<uint8_t>(vni)}});
}

void write(const manifest::Network& from, v1::Network& to) {
  using Network = manifest::Network;
  to.set_vni(from.vni);
  to.set_name(from.meta.name);
  to.set_encapsulation(from.encapsulation == Network::Encapsulation::kGeneve ? v1::ENCAPSULATION_GENEVE
                                                                             : v1::ENCAPSULATION_VXLAN);
  to.set_mtu(from.mtu);
  to.set_gateway_mac(gateway_mac(from.vni));
  to.set_broadcast(from.broadcast == Network::Broadcast::kReplicate ? v1::Network::REPLICATE
                                                                    : v1::Network::SUPPRESS);
  to.set_reject(from.reject);
  for (const IpAddress& server : from.dns) to.add_dns_servers(server.bytes());
  for (const manifest::Subnet& subnet : from.subnets) {
    v1::Subnet& made = *to.add_subnets();
    write(subnet.cidr, *made.mutable_prefix());
    made.set_gateway(subnet.gateway.bytes());
  }
}

void write(const manifest::Endpoint& from, uint32_t id, uint32_t vni, v1::Endpoint& to) {
  to.set_id(id);
  to.set_name(full_name(from.meta));
  to.set_vni(vni);
  to.set_mac(mac_bytes(from.mac));
  for (const IpAddress& address : from.addresses) to.add_addresses(address.bytes());
  for (const IpPrefix& prefix : from.prefixes) write(prefix, *to.add_prefixes());
  to.set_session_quota(from.session_quota);
}

class Writer {
 public:
  Writer(const Objects& objects, const manifest::Node& node, const Devices& devices, Ids& ids,
         v1::Structure& out)
      : objects_(objects), node_(node), devices_(devices), ids_(ids), out_(out) {}

  void node() {
    out_.set_node(node_.meta.name);
    for (const IpAddress& address : node_.underlay) out_.add_underlay(address.bytes());
    out_.set_underlay_mtu(node_.underlay_mtu);
    tracking();
    if (node_.underlay.empty()) return;
    v1::Port& port = *out_.add_ports();
    port.set_id(kUplink);
    port.set_role(v1::Port::UPLINK);
    port.set_device(node_.uplink.empty() ? devices_.uplink : node_.uplink);
    port.set_mtu(node_.underlay_mtu);
  }

  void tracking() {
    const manifest::SessionSettings& from = node_.sessions;
    if (from == manifest::SessionSettings{}) return;
    v1::Tracking& to = *out_.mutable_tracking();
    to.set_strict_tcp_window(from.strict_tcp);
    to.set_default_session_quota(from.quota);
    to.set_embryonic_timeout_s(from.embryonic_timeout);
    to.set_established_timeout_s(from.established_timeout);
    to.set_udp_timeout_s(from.udp_timeout);
  }

  absl::Status peers() {
    for (const manifest::Node* other : objects_.nodes) {
      if (other == &node_) continue;
      v1::Peer& peer = *out_.add_peers();
      peer.set_id(ids_.peers.id(other->meta.name));
      peer.set_name(other->meta.name);
      peer.set_enforces(other->kind == manifest::Node::Kind::kDpu);
      for (const IpAddress& address : other->underlay) peer.add_underlay(address.bytes());
      if (peer.id() > kMaxPeer) return too_many("Node " + other->meta.name, kMaxPeer);
    }
    return absl::OkStatus();
  }

  absl::Status endpoint(const manifest::Endpoint& endpoint) {
    const std::string name = full_name(endpoint.meta);
    const manifest::Network* network = objects_.network(endpoint.network);
    if (network == nullptr || objects_.node(endpoint.node) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("Endpoint ", name, ": no Network ", endpoint.network, " or no Node ", endpoint.node));
    }
    const uint32_t id = ids_.endpoints.id(name);
    if (id > kMaxEndpoint) return too_many("Endpoint " + name, kMaxEndpoint);
    v1::Endpoint& made = *out_.add_endpoints();
    write(endpoint, id, network->vni, made);
    if (endpoint.node != node_.meta.name) {
      made.set_peer(ids_.peers.id(endpoint.node));
      return absl::OkStatus();
    }
    const uint32_t port = ids_.ports.id(name);
    const uint32_t most = devices_.health ? kProbePortA - 1 : kMaxPort;
    if (port > most) return too_many("Endpoint " + name, most);
    made.set_port(port);
    write_port(port, endpoint, network->mtu);
    return absl::OkStatus();
  }

  void write_port(uint32_t id, const manifest::Endpoint& endpoint, uint32_t mtu) {
    v1::Port& port = *out_.add_ports();
    port.set_id(id);
    port.set_role(v1::Port::ENDPOINT);
    port.set_mtu(mtu);
    port.set_device(endpoint.device.empty()
                        ? absl::StrReplaceAll(devices_.endpoint_format, {{"%u", absl::StrCat(id)}})
                        : endpoint.device);
  }

 private:
  const Objects& objects_;
  const manifest::Node& node_;
  const Devices& devices_;
  Ids& ids_;
  v1::Structure& out_;
};

}  // namespace

absl::Status write_structure(const Objects& objects, const manifest::Node& node, const Devices& devices,
                             Ids& ids, v1::Structure& out) {
  Writer writer(objects, node, devices, ids, out);
  writer.node();
  if (absl::Status status = writer.peers(); !status.ok()) return status;
  for (const manifest::Network* network : objects.networks) write(*network, *out.add_networks());
  for (const manifest::Endpoint* endpoint : objects.endpoints) {
    if (absl::Status status = writer.endpoint(*endpoint); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace outrigger::compiler
