#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "audit/attempts.h"
#include "audit/scene.h"
#include "packet/wire.h"

namespace outrigger::audit {
namespace {

using Maker = std::vector<Shot> (*)(const Range&, uint32_t);

// At the peer; and what is sent to it on the link, the peer must share the endpoint's subnet for.
Verdict fire_at_peer(Scene& scene, Maker make) {
  const auto peer = scene.peer();
  if (!peer.ok()) return not_tried(said(peer.status()));
  const auto range = scene.range(**peer);
  if (!range.ok()) return not_tried(said(range.status()));
  const std::vector<Shot> shots = make(*range, scene.mark());
  if (shots.empty()) return not_tried("endpoint and peer have no IPv6 addresses");
  return fire(scene, **peer, shots);
}

// By a device of root's choice: with one named, the kernel needs no route.
bool send_by(const std::string& device, IpAddress to, const Frame& payload) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                 static_cast<socklen_t>(device.size())) != 0)
    return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(packet::kVxlanPort);
  to.store_v4(&address.sin_addr);
  const ssize_t sent = sendto(socket.get(), payload.data(), payload.size(), 0,
                              reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return sent == static_cast<ssize_t>(payload.size());
}

std::vector<std::string> own_devices() {
  std::vector<std::string> names;
  struct if_nameindex* const all = if_nameindex();
  for (const struct if_nameindex* one = all; one != nullptr && one->if_index != 0; ++one) {
    if (std::string_view(one->if_name) != "lo") names.emplace_back(one->if_name);
  }
  if_freenameindex(all);
  return names;
}

// By every device, twice: the first datagram may be lost to ARP.  Those that took it.
std::vector<std::string> send_everywhere(IpAddress to, const Frame& payload) {
  std::vector<std::string> used;
  for (const std::string& device : own_devices()) {
    if (!send_by(device, to, payload)) continue;
    absl::SleepFor(absl::Milliseconds(100));
    (void)send_by(device, to, payload);
    used.push_back(device);
  }
  return used;
}

}  // namespace

Verdict spoof_mac(Scene& scene) { return fire_at_peer(scene, spoofed_mac); }
Verdict spoof_address(Scene& scene) { return fire_at_peer(scene, spoofed_address); }
Verdict spoof_arp(Scene& scene) { return fire_at_peer(scene, spoofed_arp); }
Verdict spoof_neighbour(Scene& scene) { return fire_at_peer(scene, spoofed_neighbour); }
Verdict spoof_router(Scene& scene) { return fire_at_peer(scene, spoofed_router); }
Verdict spoof_dhcp(Scene& scene) { return fire_at_peer(scene, spoofed_dhcp); }
Verdict hop_vlan(Scene& scene) { return fire_at_peer(scene, tagged); }
Verdict hop_two_vlans(Scene& scene) { return fire_at_peer(scene, double_tagged); }

Verdict nest_tunnels(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.underlay.empty() || settings.vnis.empty())
    return not_tried("no node's tunnel address or no VNI is known (--underlay, --vni)");
  const auto peer = scene.peer(), from = scene.endpoint();
  if (!peer.ok() || !from.ok()) return not_tried(said(peer.ok() ? from.status() : peer.status()));
  const auto range = scene.range(**peer);
  if (!range.ok()) return not_tried(said(range.status()));
  const auto hop = gateway(**from);
  if (!hop.ok()) return not_tried(said(hop.status()));
  return fire(scene, **peer, nested(*range, settings.underlay, settings.vnis, *hop, scene.mark()));
}

// While its DPU is in charge, a host's own tunnel packets are a stranger's.
Verdict tunnel_from_the_host(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.underlay.empty() || settings.vnis.empty())
    return not_tried("no node's tunnel address or no VNI is known (--underlay, --vni)");
  const auto peer = scene.peer();
  if (!peer.ok()) return not_tried(said(peer.status()));
  const auto range = scene.range(**peer);
  if (!range.ok()) return not_tried(said(range.status()));
  if (absl::Status open = scene.path_open(); !open.ok()) return not_tried(said(open));
  const auto wire = Wire::open(**peer);
  if (!wire.ok()) return not_tried(said(wire.status()));
  std::vector<Frame> proofs;
  std::string nodes;
  for (const IpAddress node : settings.underlay) {
    for (const uint32_t vni : settings.vnis) {
      if (!node.is_v4()) continue;
      const Shot one = tunnelled(*range, vni, scene.mark());
      const std::vector<std::string> by = send_everywhere(node, one.frame);
      if (by.empty()) return not_tried(absl::StrCat("no device of the host's sends to ", node.str()));
      proofs.push_back(one.proof);
      absl::StrAppend(&nodes, nodes.empty() ? "" : ", ", one.what, " to ", node.str(), " by ",
                      absl::StrJoin(by, " and "));
    }
  }
  if (wire->first_of(proofs, Milliseconds(500)) >= 0)
    return broken(
        absl::StrCat("the inside of a tunnel packet of the host's arrived at ", (*peer)->v4->str()));
  if (proofs.empty()) return not_tried("no node has an IPv4 tunnel address");
  return held(absl::StrCat("sent ", nodes, ": no inside arrived at ", (*peer)->v4->str()));
}

Verdict fragment_past_policy(Scene& scene) {
  const Settings& settings = scene.settings();
  if (!settings.denied) return not_tried("no --denied ADDRESS:PORT was named");
  if (!settings.denied_from.empty() && settings.denied_from != settings.endpoint)
    return not_tried("what is denied is denied to another guest than the one that attacks (--denied-from)");
  const auto at = scene.denied_at();
  if (!at.ok()) return not_tried(said(at.status()));
  const absl::Status denied = scene.denied();
  if (absl::IsAborted(denied)) return broken(absl::StrCat("even unfragmented: ", said(denied)));
  if (!denied.ok()) return not_tried(said(denied));
  const auto range = scene.range(**at);
  if (!range.ok()) return not_tried(said(range.status()));
  const auto peer = scene.peer();
  const bool bait = peer.ok() && (*peer)->v4 == (*at)->v4 && settings.allowed.tcp;
  std::string evidence;
  const auto volleys = fragments(*range, settings.denied->port,
                                 bait ? std::optional(settings.allowed.port) : std::nullopt, scene.mark());
  for (const std::vector<Shot>& volley : volleys) {
    const Verdict one = fire(scene, **at, volley);
    if (one.outcome != Outcome::kHeld) return one;
    absl::StrAppend(&evidence, evidence.empty() ? "" : " | ", one.evidence);
  }
  return held(evidence);
}

}  // namespace outrigger::audit
