#include "scenario/world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger::scenario {
namespace {

constexpr unsigned kPortsOfPeer = 20;  // rules of one peer: each a port
constexpr unsigned kPeersOfPolicy = 10;

constexpr char kNodes[] = R"(apiVersion: outrigger.dev/v1alpha1
kind: Node
metadata: {name: a}
spec: {kind: dpu, underlay: [192.0.2.1], fallback: {underlay: 192.0.2.101}}
---
apiVersion: outrigger.dev/v1alpha1
kind: Node
metadata: {name: b}
spec: {kind: plain, underlay: [192.0.2.2]}
)";

std::string network(uint32_t vni, unsigned second) {
  return absl::StrFormat(R"(---
apiVersion: outrigger.dev/v1alpha1
kind: Network
metadata: {name: net-%u}
spec:
  vni: %u
  encapsulation: vxlan
  mtu: 1450
  denied: drop
  subnets: [{cidr: 10.%u.0.0/24, gateway: 10.%u.0.1}]
)",
                         vni, vni, second, second);
}

std::string space(const std::string& name) {
  return absl::StrCat("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ", name,
                      ", labels: {name: ", name, "}}\n");
}

std::string endpoint(const Guest& guest) {
  const size_t slash = guest.endpoint.find('/');
  return absl::StrCat("---\napiVersion: outrigger.dev/v1alpha1\nkind: Endpoint\nmetadata: {name: ",
                      guest.endpoint.substr(slash + 1), ", namespace: ", guest.endpoint.substr(0, slash),
                      "}\nspec: {node: ", guest.served ? kServedNode : kPeerNode, ", network: net-",
                      guest.vni, ", addresses: [", guest.address, "], mac: \"", guest.mac, "\"}\n");
}

// Peer 300 is 172.17.44.0/24: none of them is ever seen.
std::string peer(unsigned number, unsigned ports) {
  std::string text = absl::StrFormat("    - from: [{ipBlock: {cidr: 172.%u.%u.0/24}}]\n      ports:\n",
                                     16 + number / 256, number % 256);
  for (unsigned port = 0; port < ports; ++port)
    absl::StrAppend(&text, "        - {protocol: TCP, port: ", 20000 + number % 1000 * kPortsOfPeer + port,
                    "}\n");
  return text;
}

std::string admit(const std::string& from, const std::vector<uint16_t>& ports) {
  std::string text =
      absl::StrCat("    - from: [{namespaceSelector: {matchLabels: {name: ", from, "}}}]\n      ports:\n");
  for (const uint16_t port : ports) absl::StrAppend(&text, "        - {protocol: TCP, port: ", port, "}\n");
  return text;
}

// `rules` rules over as many policies as they need, and what is admitted in the middle one.
std::string policies_of(const std::string& space, const std::string& admitted, unsigned rules) {
  const unsigned peers = (rules + kPortsOfPeer - 1) / kPortsOfPeer;
  const unsigned policies = std::max(1u, (peers + kPeersOfPolicy - 1) / kPeersOfPolicy);
  std::string text;
  for (unsigned number = 0; number < policies; ++number) {
    absl::StrAppendFormat(&text, R"(---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p-%04u, namespace: %s}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
)",
                          number, space);
    if (number == policies / 2) absl::StrAppend(&text, admitted);
    for (unsigned i = number * kPeersOfPolicy; i < std::min(peers, (number + 1) * kPeersOfPolicy); ++i)
      absl::StrAppend(&text, peer(i, std::min(kPortsOfPeer, rules - i * kPortsOfPeer)));
  }
  return text;
}

std::vector<Guest> guests_of(Kind kind) {
  std::vector<Guest> guests = {{"app/server", true, 100, "10.1.0.11", "02:00:00:00:0a:01"},
                               {"clients/client", false, 100, "10.1.0.21", "02:00:00:00:0b:01"}};
  if (kind == Kind::kInferenceEdge) {
    guests.push_back({"app/bulk", true, 100, "10.1.0.12", "02:00:00:00:0a:02"});
    guests.push_back({"clients/source", false, 100, "10.1.0.22", "02:00:00:00:0b:02"});
  }
  if (kind == Kind::kMultiTenant) {
    guests.push_back({"noisy/guest", true, 200, "10.2.0.11", "02:00:00:00:0a:03"});
    guests.push_back({"strangers/storm", false, 200, "10.2.0.21", "02:00:00:00:0b:03"});
  }
  return guests;
}

}  // namespace

World make_world(const Description& what, unsigned rules) {
  const bool tenants = what.kind == Kind::kMultiTenant;
  World world{.guests = guests_of(what.kind), .vnis = {100}, .rules = rules};
  world.topology = absl::StrCat(kNodes, network(100, 1), space("app"), space("clients"));
  if (tenants) {
    world.vnis.push_back(200);
    absl::StrAppend(&world.topology, network(200, 2), space("noisy"), space("strangers"));
  }
  for (const Guest& guest : world.guests) absl::StrAppend(&world.topology, endpoint(guest));
  const unsigned own = tenants ? (rules + 1) / 2 : rules;
  world.policies = policies_of("app", admit("clients", {what.port, kBulkPort}), own);
  if (tenants)
    absl::StrAppend(&world.policies, policies_of("noisy", admit("strangers", {kStormPort}), rules - own));
  return world;
}

const Guest& guest(const World& world, const std::string& endpoint) {
  return *std::find_if(world.guests.begin(), world.guests.end(),
                       [&](const Guest& one) { return one.endpoint == endpoint; });
}

}  // namespace outrigger::scenario
