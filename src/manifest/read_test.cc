// YAML to the fields of our own kinds, of Pod and of Namespace; documents, lists and files.
#include "manifest/read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "manifest/fixture.h"

namespace outrigger::manifest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> strs(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> all;
  for (const IpAddress& address : addresses) all.push_back(address.str());
  return all;
}

TEST(Read, Node) {
  const Node node = one<Node>(R"(
apiVersion: outrigger.dev/v1alpha1
kind: Node
metadata: {name: host-a.example, labels: {rack: r1}}
spec: {kind: plain, underlay: [192.0.2.1, "2001:db8::1"], underlayMtu: 9000, uplink: "0000:03:00.0", sessions: {tcp: strict, quota: 7, embryonicTimeout: 5, establishedTimeout: 60, udpTimeout: 9}, fallback: {underlay: 192.0.2.101}}
)");
  EXPECT_EQ(node.fallback->str(), "192.0.2.101");
  EXPECT_EQ(node.meta.name, "host-a.example");
  EXPECT_EQ(node.meta.ns, "");
  EXPECT_EQ(node.meta.labels, (Labels{{"rack", "r1"}}));
  EXPECT_EQ(node.meta.at.line, 2);
  EXPECT_EQ(node.kind, Node::Kind::kPlain);
  EXPECT_THAT(strs(node.underlay), ElementsAre("192.0.2.1", "2001:db8::1"));
  EXPECT_EQ(node.underlay_mtu, 9000);
  EXPECT_EQ(node.sessions, (SessionSettings{true, 7, 5, 60, 9}));
  EXPECT_EQ(node.uplink, "0000:03:00.0");
}

TEST(Read, NodeDefaults) {
  const Node node = one<Node>("kind: Node\nmetadata: {name: a}\nspec: {underlay: [192.0.2.1]}\n");
  EXPECT_EQ(node.meta.name, "a");
  EXPECT_EQ(node.kind, Node::Kind::kDpu);
  EXPECT_EQ(node.underlay_mtu, 1500);
  EXPECT_FALSE(node.fallback.has_value());
  EXPECT_EQ(node.sessions, SessionSettings{});
  EXPECT_EQ(node.uplink, "");
}

TEST(Read, Network) {
  const Network network = one<Network>(R"(
kind: Network
metadata: {name: blue}
spec:
  vni: 16777215
  encapsulation: geneve
  mtu: 8950
  subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1}, {cidr: "fd00:1::/64", gateway: "fd00:1::1"}]
  broadcast: replicate
  dns: [10.1.0.53, "fd00:1::53"]
  denied: reject
)");
  EXPECT_EQ(network.vni, 16777215u);
  EXPECT_EQ(network.encapsulation, Network::Encapsulation::kGeneve);
  EXPECT_EQ(network.mtu, 8950);
  ASSERT_EQ(network.subnets.size(), 2u);
  EXPECT_EQ(network.subnets[1].cidr.str(), "fd00:1::/64");
  EXPECT_EQ(network.subnets[1].gateway.str(), "fd00:1::1");
  EXPECT_EQ(network.broadcast, Network::Broadcast::kReplicate);
  EXPECT_THAT(strs(network.dns), ElementsAre("10.1.0.53", "fd00:1::53"));
  EXPECT_TRUE(network.reject);
}

TEST(Read, NetworkDefaults) {
  const Network network = one<Network>(
      "kind: Network\nmetadata: {name: blue}\nspec: {vni: 1, subnets: [{cidr: 10.0.0.0/8, gateway: "
      "10.0.0.1}]}\n");
  EXPECT_EQ(network.vni, 1u);
  EXPECT_EQ(network.encapsulation, Network::Encapsulation::kVxlan);
  EXPECT_EQ(network.mtu, 1450);
  EXPECT_EQ(network.broadcast, Network::Broadcast::kSuppress);
  EXPECT_FALSE(network.reject);
}

TEST(Read, EndpointTellsItsAddressesFromWhatLiesBehind) {
  const Endpoint endpoint = one<Endpoint>(R"(
apiVersion: outrigger.dev/v1alpha1
kind: Endpoint
metadata: {name: web-1, labels: {app: web, empty: ""}}
spec:
  node: host-a
  network: blue
  addresses: [10.1.0.11, "fd00:1::11", 10.9.0.0/16, 0.0.0.0/0, "::/0"]
  mac: "02:00:00:00:01:0A"
  ports: [{name: http, port: 8080}, {name: dns, protocol: UDP, port: 53}]
  device: "0000:03:00.0,representor=[3]"
  sessionQuota: 4294967295
)");
  EXPECT_EQ(endpoint.meta.ns, "default");
  EXPECT_EQ(endpoint.meta.labels, (Labels{{"app", "web"}, {"empty", ""}}));
  EXPECT_EQ(endpoint.node, "host-a");
  EXPECT_EQ(endpoint.network, "blue");
  EXPECT_THAT(strs(endpoint.addresses), ElementsAre("10.1.0.11", "fd00:1::11"));
  ASSERT_EQ(endpoint.prefixes.size(), 3u);
  EXPECT_EQ(endpoint.prefixes[0].str(), "10.9.0.0/16");
  EXPECT_EQ(endpoint.prefixes[1].str(), "0.0.0.0/0");
  EXPECT_EQ(endpoint.prefixes[2].str(), "::/0");
  EXPECT_EQ(endpoint.mac.str(), "02:00:00:00:01:0a");
  EXPECT_EQ(endpoint.ports,
            (std::vector<NamedPort>{{"http", Protocol::kTcp, 8080}, {"dns", Protocol::kUdp, 53}}));
  EXPECT_EQ(endpoint.device, "0000:03:00.0,representor=[3]");
  EXPECT_EQ(endpoint.session_quota, 4294967295u);
}

TEST(Read, NamespaceHasItsNameAsLabel) {
  const auto declared = one<Namespace>(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubernetes.io/metadata.name: wrong, "
      "a: b}}\n");
  EXPECT_EQ(declared.meta.labels, (Labels{{"a", "b"}, {kNamespaceNameLabel, "shop"}}));
}

TEST(Read, PodAddressesAndNamedPorts) {
  const std::string head = R"(
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  initContainers: [{ports: [{name: early, containerPort: 1}]}]
  containers:
  - ports: [{name: http, containerPort: 80}, {containerPort: 81}]
  - ports: [{name: dns, containerPort: 53, protocol: UDP}]
  - {name: none}
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}], phase: )";
  const Pod running = one<Pod>(head + "Running}\n");
  EXPECT_THAT(strs(running.addresses), ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_EQ(running.ports,
            (std::vector<NamedPort>{{"http", Protocol::kTcp, 80}, {"dns", Protocol::kUdp, 53}}));
  const Pod ended = one<Pod>(head + "Succeeded}\n");
  EXPECT_EQ(ended.meta.name, "p");
  EXPECT_THAT(ended.addresses, IsEmpty());
}

TEST(Read, ObjectHelpers) {
  const Reading reading = read(R"(
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: {}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
)",
                               "f.yaml");
  ASSERT_EQ(reading.documents.size(), 2u);
  EXPECT_EQ(name(reading.documents[0].object), "BaselineAdminNetworkPolicy default");
  EXPECT_EQ(kind(reading.documents[0].object), "BaselineAdminNetworkPolicy");
  EXPECT_EQ(name(reading.documents[1].object), "Pod default/p");
  EXPECT_EQ(metadata(reading.documents[1].object).at.line, 7);
}

TEST(Read, TextIsTheDocumentsOwnAndEqualityForgetsWhere) {
  const std::string own =
      "# about b\nkind: Node   # ours\nmetadata: {name: b}\nspec: {underlay: [192.0.2.2]}\n";
  const Reading reading = read(
      "kind: Node\nmetadata: {name: a}\nspec: {underlay: [192.0.2.1]}\n---\n\n" + own + "\n---\n", "f.yaml");
  ASSERT_EQ(reading.documents.size(), 2u);
  EXPECT_EQ(reading.documents[1].text, own);
  const Reading again = read(own, "other.yaml");
  ASSERT_EQ(again.documents.size(), 1u);
  EXPECT_EQ(again.documents[0].object, reading.documents[1].object);
  EXPECT_NE(again.documents[0].object, reading.documents[0].object);
}

TEST(Read, ItemsOfAListBecomeDocumentsThatStandAlone) {
  const Reading reading = read(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicyList
items:
- metadata: {name: raw, namespace: shop, annotations: {note: "a: b\n#c"}}
  spec:
    podSelector: {matchLabels: {version: "1.10", on: "true"}}
    ingress: [{ports: [{port: 80}, {port: http}]}]
)",
                               "f.yaml");
  ASSERT_THAT(texts(reading.faults), IsEmpty());
  ASSERT_EQ(reading.documents.size(), 1u);
  const Reading again = read(reading.documents[0].text, "f.yaml");
  ASSERT_THAT(texts(again.faults), IsEmpty()) << reading.documents[0].text;
  EXPECT_EQ(again.documents[0].object, reading.documents[0].object);
}

TEST(Read, OneBrokenDocumentDoesNotHideTheOthers) {
  const Reading reading =
      read("a: [\n---\nkind: Node\nmetadata: {name: a}\nspec: {underlay: [192.0.2.1]}\n", "f.yaml");
  EXPECT_THAT(texts(reading.faults), ElementsAre("f.yaml:2: is not YAML: end of sequence flow not found"));
  EXPECT_EQ(reading.documents.size(), 1u);
}

TEST(Read, AnObjectWithAKeyGivenTwiceIsNotUsable) {
  const Reading reading =
      read("kind: Node\nmetadata: {name: a}\nmetadata: {name: b}\nspec: {underlay: [192.0.2.1]}\n", "f.yaml");
  EXPECT_THAT(texts(reading.faults),
              ElementsAre("f.yaml:3: duplicate key \"metadata\", already given on line 2 of the "
                          "same mapping; remove one"));
  EXPECT_THAT(reading.documents, IsEmpty());
}

TEST(Read, NothingIsNoFault) {
  for (const char* text : {"", "\n", "# comment\n", "---\n---\n...\n", "\xef\xbb\xbf", "null\n", "~"}) {
    const Reading reading = read(text, "f.yaml");
    EXPECT_THAT(texts(reading.faults), IsEmpty()) << text;
    EXPECT_TRUE(reading.documents.empty());
  }
}

TEST(ReadPath, FoldersInNameOrderAndWhatIsMissing) {
  const std::string folder = ::testing::TempDir() + "/outrigger_read_path";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder + "/sub");
  const auto put = [&](const std::string& file, const std::string& node) {
    std::ofstream(folder + "/" + file)
        << "kind: Node\nmetadata: {name: " << node << "}\nspec: {underlay: [192.0.2.1]}\n";
  };
  EXPECT_THAT(texts(read_path(folder).faults),
              ElementsAre(folder + ": has no manifests: no *.yaml or *.yml file below it"));
  put("b.yml", "b");
  put("a.yaml", "a");
  put("sub/c.yaml", "c");
  put("notes.txt", "no");
  const Reading reading = read_path(folder);
  std::vector<std::string> names;
  for (const Document& document : reading.documents) names.push_back(name(document.object));
  EXPECT_THAT(names, ElementsAre("Node a", "Node b", "Node c"));
  EXPECT_EQ(metadata(reading.documents[2].object).at.file, folder + "/sub/c.yaml");
  EXPECT_THAT(texts(read_path(folder + "/none.yaml").faults),
              ElementsAre(folder + "/none.yaml: no such file or folder"));
  std::filesystem::remove_all(folder);
}

TEST(ReadPath, TheExampleIsSound) {
  const Reading reading = read_path("examples/two-hosts");
  ASSERT_THAT(texts(reading.faults), IsEmpty());
  EXPECT_EQ(reading.documents.size(), 16u);
  std::vector<const Object*> objects;
  for (const Document& document : reading.documents) objects.push_back(&document.object);
  EXPECT_THAT(texts(check(objects)), IsEmpty());
}

TEST(ReadPath, EveryManifestOfTheCorpusReadsAndReadsAgain) {
  const Reading reading = read_path("tests/corpus/manifest");
  ASSERT_THAT(texts(reading.faults), IsEmpty());
  EXPECT_EQ(reading.documents.size(), 27u);
  for (const Document& document : reading.documents) {
    const Reading again = read(document.text, "again.yaml");
    ASSERT_THAT(texts(again.faults), IsEmpty()) << document.text;
    ASSERT_EQ(again.documents.size(), 1u) << document.text;
    EXPECT_EQ(again.documents[0].object, document.object) << document.text;
  }
}

}  // namespace
}  // namespace outrigger::manifest
