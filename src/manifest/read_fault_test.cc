// Bad manifests and the exact words they get: file, line, object, field, what is wrong, and the way out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/fixture.h"
#include "manifest/syntax.h"

namespace outrigger::manifest {
namespace {

using ::testing::ElementsAre;

struct Row {
  std::string text;
  std::string fault;
};

void expect_faults(const std::string& head, const std::string& object, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_THAT(faults_of(head + row.text + "\n"), ElementsAre("f.yaml:3: " + object + ": " + row.fault))
        << row.text;
  }
}

TEST(ReadFault, Documents) {
  const Row rows[] = {
      {"hello", "f.yaml:1: must be an object with apiVersion, kind, metadata and spec"},
      {"- a", "f.yaml:1: must be an object with apiVersion, kind, metadata and spec"},
      {"metadata: {name: x}", "f.yaml:1: kind: missing"},
      {"kind: ''", "f.yaml:1: kind: is empty"},
      {"kind: [Node]", "f.yaml:1: kind: is a list, must be text"},
      {"kind: Endpiont", "f.yaml:1: kind: is \"Endpiont\", which is not known; did you mean Endpoint?"},
      {"kind: Deployment",
       "f.yaml:1: kind: is \"Deployment\", which is not known; must be Node, Network, Endpoint, Service, "
       "Namespace, "
       "Pod, "
       "NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy"},
      {"apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {underlay: [192.0.2.1]}",
       "f.yaml:1: Node a: apiVersion: is \"v1\", must be outrigger.dev/v1alpha1 for kind Node"},
      {"kind: Namespace\nmetadata: {name: a}", "f.yaml:1: Namespace a: apiVersion: missing"},
      {"apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}",
       "f.yaml:1: NetworkPolicy default/a: apiVersion: is \"extensions/v1beta1\", must be "
       "networking.k8s.io/v1 for kind "
       "NetworkPolicy"},
      {"apiVersion: v1\nkind: List\nitems: {}", "f.yaml:3: items: must be a list"},
      {"apiVersion: v1\nkind: List\nitems: [5]",
       "f.yaml:3: must be an object with apiVersion, kind, metadata and spec"},
      {"kind: Node\nmetadata: {name: a}", "f.yaml:1: Node a: spec: missing"},
      {"kind: Node\nmetadata: {name: a}\nspec: {underlay: [192.0.2.1]}\nstatus: {}",
       "f.yaml:4: Node a: status: unknown field; known here: apiVersion, kind, metadata, spec"},
      {"kind: Node\nspec: {underlay: [192.0.2.1]}", "f.yaml:1: Node: metadata: missing"},
      {std::string("kind: No\0de", 11), "f.yaml:1: has the control character 0x00, must be plain text"},
  };
  for (const Row& row : rows) EXPECT_THAT(faults_of(row.text), ElementsAre(row.fault)) << row.text;
}

TEST(ReadFault, Metadata) {
  const auto endpoint = [](const std::string& metadata) {
    return "kind: Endpoint\nmetadata: " + metadata +
           "\nspec: {node: a, network: blue, addresses: [10.0.0.1], mac: \"02:00:00:00:00:01\"}\n";
  };
  const std::string forms = "must be 1 to 63 of a-z, 0-9 and -, with a letter or digit first and last";
  const Row rows[] = {
      {"{}", "f.yaml:2: Endpoint: metadata.name: missing"},
      {"{generateName: web-}",
       "f.yaml:2: Endpoint: metadata.name: missing; generateName is not supported, give a name"},
      {"{name: 7}",
       "f.yaml:2: Endpoint default/7: metadata.name: is the number 7, must be text; write \"7\" with the "
       "quotes"},
      {"{name: Web}", "f.yaml:2: Endpoint default/Web: metadata.name: is \"Web\", " + forms},
      {"{name: web, namespace: a.b}", "f.yaml:2: Endpoint a.b/web: metadata.namespace: is \"a.b\", " + forms},
      {"{name: web, label: {a: b}}",
       "f.yaml:2: Endpoint default/web: metadata.label: unknown field; did you mean \"labels\"?"},
      {"{name: web, labels: [a]}", "f.yaml:2: Endpoint default/web: metadata.labels: must be a mapping"},
      {"{name: web, labels: {on: true}}",
       "f.yaml:2: Endpoint default/web: metadata.labels.on: is the boolean true, must be text; write "
       "\"true\" with the quotes"},
      {"{name: web, labels: {v: 1.10}}",
       "f.yaml:2: Endpoint default/web: metadata.labels.v: is the number 1.10, must be text; write \"1.10\" "
       "with the quotes"},
      {"{name: web, labels: {a: \"b c\"}}",
       "f.yaml:2: Endpoint default/web: metadata.labels.a: label value \"b c\" must be empty or up to 63 "
       "letters, digits, "
       "-, _ and ., with a letter or digit first and last"},
      {"{name: web, labels: {-a: b}}",
       "f.yaml:2: Endpoint default/web: metadata.labels.-a: label key \"-a\" must be 1 to 63 letters, "
       "digits, -, _ and ., "
       "with a letter or digit first and last"},
      {"{name: web, labels: {A.io/a: b}}",
       "f.yaml:2: Endpoint default/web: metadata.labels[\"A.io/a\"]: label key \"A.io/a\": what stands "
       "before / must be a "
       "domain of a-z, 0-9, - and ."},
  };
  for (const Row& row : rows) EXPECT_THAT(faults_of(endpoint(row.text)), ElementsAre(row.fault)) << row.text;
  EXPECT_THAT(
      faults_of("kind: Node\nmetadata: {name: a, namespace: b}\nspec: {underlay: [192.0.2.1]}\n"),
      ElementsAre("f.yaml:2: Node a: metadata.namespace: this kind is cluster-wide; remove the namespace"));
}

TEST(ReadFault, Node) {
  expect_faults(
      "kind: Node\nmetadata: {name: a}\n", "Node a",
      {
          {"spec: 5", "spec: must be a mapping"},
          {"spec: {}", "spec.underlay: missing"},
          {"spec: {underlay: 192.0.2.1}", "spec.underlay: must be a list"},
          {"spec: {underlay: []}", "spec.underlay: must have one or two addresses"},
          {"spec: {underlay: [x]}", "spec.underlay[0]: is \"x\", must be an IPv4 or IPv6 address"},
          {"spec: {underlay: [192.0.2.1/24]}",
           "spec.underlay[0]: is \"192.0.2.1/24\", must be an IPv4 or IPv6 address"},
          {"spec: {underlay: [192.0.2.1, 192.0.2.2]}",
           "spec.underlay[1]: is 192.0.2.2, a second address of one family; one IPv4 and one IPv6 at most"},
          {"spec: {underlay: [224.0.0.1]}",
           "spec.underlay[0]: is 224.0.0.1, a multicast address; must be an address one interface can own"},
          {"spec: {underlay: [\"::ffff:192.0.2.1\"]}",
           "spec.underlay[0]: is \"::ffff:192.0.2.1\", an IPv4 address inside IPv6; write 192.0.2.1"},
          {"spec: {underlay: [192.0.2.1], kind: pdu}",
           "spec.kind: is \"pdu\", must be dpu or plain; did you mean \"dpu\"?"},
          {"spec: {underlay: [192.0.2.1], sessions: {tcp: hard}}",
           "spec.sessions.tcp: is \"hard\", must be loose or strict"},
          {"spec: {underlay: [192.0.2.1], sessions: {udpTimeout: 0}}",
           "spec.sessions.udpTimeout: is 0, must be 1 to 2592000"},
          {"spec: {underlay: [192.0.2.1], underlayMtu: 500}",
           "spec.underlayMtu: is 500, must be 576 to 9216"},
          {"spec: {underlay: [192.0.2.1], fallback: {}}", "spec.fallback.underlay: missing"},
          {"spec: {underlay: [192.0.2.1], fallback: {underlay: 0.0.0.0}}",
           "spec.fallback.underlay: is 0.0.0.0, the unspecified address; must be an address one interface "
           "can own"},
          {"spec: {underlay: [192.0.2.1], uplink: \"a b\"}",
           "spec.uplink: must be a device name of at most 255 characters without blanks"},
      });
}

TEST(ReadFault, Network) {
  const std::string rest = ", subnets: [{cidr: 10.0.0.0/8, gateway: 10.0.0.1}]}";
  expect_faults(
      "kind: Network\nmetadata: {name: a}\n", "Network a",
      {
          {"spec: {vni: 0" + rest, "spec.vni: is 0, must be 1 to 16777215"},
          {"spec: {vni: 16777216" + rest, "spec.vni: is 16777216, must be 1 to 16777215"},
          {"spec: {vni: -1" + rest, "spec.vni: is -1, must be 1 to 16777215"},
          {"spec: {vni: '5'" + rest,
           "spec.vni: is the text \"5\", must be a whole number from 1 to 16777215"},
          {"spec: {vni: 1.5" + rest,
           "spec.vni: is the number 1.5, must be a whole number from 1 to 16777215"},
          {"spec: {vni: 0x10" + rest,
           "spec.vni: is the number 0x10, must be a whole number from 1 to 16777215"},
          {"spec: {vni: 99999999999999999999" + rest,
           "spec.vni: is 99999999999999999999, must be 1 to 16777215"},
          {"spec: {vni: 1, encapsulation: vxlna" + rest,
           "spec.encapsulation: is \"vxlna\", must be vxlan or geneve; did you mean \"vxlan\"?"},
          {"spec: {vni: 1, mtu: 9001" + rest, "spec.mtu: is 9001, must be 576 to 9000"},
          {"spec: {vni: 1, mtu: 1279, subnets: [{cidr: \"fd00::/64\", gateway: \"fd00::1\"}]}",
           "spec.mtu: is 1279, must be 1280 to 9000"},
          {"spec: {vni: 1, denied: deny" + rest, "spec.denied: is \"deny\", must be drop or reject"},
          {"spec: {vni: 1, dns: 10.0.0.53" + rest, "spec.dns: must be a list"},
          {"spec: {vni: 1, subnets: []}", "spec.subnets: must have at least one subnet"},
          {"spec: {vni: 1, subnets: [{cidr: 10.0.0.1/8, gateway: 10.0.0.1}]}",
           "spec.subnets[0].cidr: is \"10.0.0.1/8\", which has bits beyond its length; write 10.0.0.0/8"},
          {"spec: {vni: 1, subnets: [{cidr: 10.0.0.0, gateway: 10.0.0.1}]}",
           "spec.subnets[0].cidr: is \"10.0.0.0\", must have a length; write 10.0.0.0/32 for this address "
           "alone"},
          {"spec: {vni: 1, subnets: [{cidr: 10.0.0.0/8}]}", "spec.subnets[0].gateway: missing"},
          {"spec: {vni: 1, vnis: 2" + rest, "spec.vnis: unknown field; did you mean \"vni\"?"},
      });
}

TEST(ReadFault, Endpoint) {
  const std::string rest = ", node: a, network: b, mac: \"02:00:00:00:00:01\"}";
  const std::string address = "spec: {addresses: [10.0.0.1], node: a, network: b";
  expect_faults(
      "kind: Endpoint\nmetadata: {name: e, namespace: shop}\n", "Endpoint shop/e",
      {
          {"spec: {addresses: 10.0.0.1" + rest, "spec.addresses: must be a list"},
          {"spec: {addresses: []" + rest,
           "spec.addresses: must have at least one address of the endpoint's own, written without a length"},
          {"spec: {addresses: [10.0.0.0/24]" + rest,
           "spec.addresses: must have at least one address of the endpoint's own, written without a length"},
          {"spec: {addresses: [10.0.0.5/24]" + rest,
           "spec.addresses[0]: is \"10.0.0.5/24\", which has bits beyond its length; write 10.0.0.0/24"},
          {"spec: {addresses: [10.0.0.1, 10.0.0.0/33]" + rest,
           "spec.addresses[1]: is \"10.0.0.0/33\", must be a prefix such as 10.0.0.0/8 or fd00::/64"},
          {"spec: {addresses: [~]" + rest, "spec.addresses[0]: is empty, must be text"},
          {address + "}", "spec.mac: missing"},
          {address + ", mac: 5}", "spec.mac: is the number 5, must be text; write \"5\" with the quotes"},
          {address + ", mac: 02-00-00-00-00-01}",
           "spec.mac: is \"02-00-00-00-00-01\", must be a MAC address such as 02:00:00:00:00:01"},
          {address + ", mac: \"00:00:00:00:00:00\"}",
           "spec.mac: is the zero address, must be the MAC of one interface"},
          {address + ", mac: \"01:00:5e:00:00:01\"}",
           "spec.mac: is 01:00:5e:00:00:01, a multicast address; clear the lowest bit of the first byte"},
          {"spec: {addresses: [10.0.0.1], adresses: []" + rest,
           "spec.adresses: unknown field; did you mean \"addresses\"?"},
          {address + ", mac: \"02:00:00:00:00:01\", ports: [{name: http, port: 70000}]}",
           "spec.ports[0].port: is 70000, must be 1 to 65535"},
          {address + ", mac: \"02:00:00:00:00:01\", ports: [{port: 7}]}", "spec.ports[0].name: missing"},
          {address + ", mac: \"02:00:00:00:00:01\", ports: [{name: http, port: 7, protocol: tcp}]}",
           "spec.ports[0].protocol: is \"tcp\", must be TCP or UDP or SCTP; did you mean \"TCP\"?"},
          {address + ", mac: \"02:00:00:00:00:01\", ports: [{name: HTTP, port: 7}]}",
           "spec.ports[0].name: is \"HTTP\", must be a port name: 1 to 15 of a-z, 0-9 and single -, with at "
           "least one "
           "letter"},
          {address + ", mac: \"02:00:00:00:00:01\", sessionQuota: 4294967296}",
           "spec.sessionQuota: is 4294967296, must be 0 to 4294967295"},
      });
}

TEST(ReadFault, NetworkPolicy) {
  const auto port = [](const std::string& entry) {
    return "spec: {podSelector: {}, ingress: [{ports: [" + entry + "]}]}";
  };
  const auto peer = [](const std::string& entry) {
    return "spec: {podSelector: {}, egress: [{to: [" + entry + "]}]}";
  };
  const auto selector = [](const std::string& entry) {
    return "spec: {podSelector: {matchExpressions: [" + entry + "]}}";
  };
  const auto faults = [](const std::string& spec) {
    return faults_of("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy,\n metadata: {name: p},\n " +
                     spec + "}\n");
  };
  const Row rows[] = {
      {"spec: {podSelector: {}, ingres: []}", "spec.ingres: unknown field; did you mean \"ingress\"?"},
      {"spec: {podSelector: {}, ingress: {}}", "spec.ingress: must be a list"},
      {"spec: {podSelector: {}, ingress: [~]}",
       "spec.ingress[0]: is empty; write {} for a rule that allows everything"},
      {"spec: {podSelector: {}, ingress: [{to: []}]}",
       "spec.ingress[0].to: unknown field; known here: from, ports"},
      {"spec: {podSelector: {}, policyTypes: [ingress]}",
       "spec.policyTypes[0]: is \"ingress\", must be Ingress or Egress; did you mean \"Ingress\"?"},
      {"spec: {podSelector: {}, policyTypes: [Ingress, Egress, Ingress]}",
       "spec.policyTypes: has 3 entries, must have at most 2"},
      {"spec: {podSelector: {app: web}}",
       "spec.podSelector.app: unknown field; known here: matchLabels, matchExpressions"},
      {selector("{key: a, operator: In}"),
       "spec.podSelector.matchExpressions[0].values: missing; In and NotIn need at least one value"},
      {selector("{key: a, operator: Exists, values: [b]}"),
       "spec.podSelector.matchExpressions[0].values: must be absent; Exists and DoesNotExist take no values"},
      {selector("{key: a, operator: Equals, values: [b]}"),
       "spec.podSelector.matchExpressions[0].operator: is \"Equals\", must be In or NotIn or Exists or "
       "DoesNotExist"},
      {selector("{operator: Exists}"), "spec.podSelector.matchExpressions[0].key: missing"},
      {port("{port: 0}"), "spec.ingress[0].ports[0].port: is 0, must be 1 to 65535"},
      {port("{port: \"80\"}"),
       "spec.ingress[0].ports[0].port: is the text \"80\"; write a port number without quotes"},
      {port("{port: http--x}"),
       "spec.ingress[0].ports[0].port: is \"http--x\", must be a port name: 1 to 15 of a-z, 0-9 and single "
       "-, with at "
       "least one letter"},
      {port("{port: 80, endPort: 79}"),
       "spec.ingress[0].ports[0].endPort: is 79, must be at least port, which is 80"},
      {port("{port: http, endPort: 90}"),
       "spec.ingress[0].ports[0].endPort: needs a numeric port beside it; a named port is no range"},
      {port("{endPort: 90}"),
       "spec.ingress[0].ports[0].endPort: needs port beside it, the first port of the range"},
      {port("{protocol: ICMP}"),
       "spec.ingress[0].ports[0].protocol: is \"ICMP\", must be TCP or UDP or SCTP"},
      {peer("{}"),
       "spec.egress[0].to[0]: names no peer; give podSelector, namespaceSelector or ipBlock ({} as a "
       "selector takes all)"},
      {peer("{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}"),
       "spec.egress[0].to[0]: ipBlock cannot stand with a selector; make two entries of it"},
      {peer("{ipBlock: {}}"), "spec.egress[0].to[0].ipBlock.cidr: missing"},
      {peer("{ipBlock: {cidr: 10.0.0.1}}"),
       "spec.egress[0].to[0].ipBlock.cidr: is \"10.0.0.1\", must have a length; write 10.0.0.1/32 for this "
       "address alone"},
      {peer("{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}"),
       "spec.egress[0].to[0].ipBlock.except[0]: is 11.0.0.0/16, must lie inside cidr, which is 10.0.0.0/8, "
       "and be smaller"},
      {peer("{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}"),
       "spec.egress[0].to[0].ipBlock.except[0]: is 10.0.0.0/8, must lie inside cidr, which is 10.0.0.0/8, "
       "and be smaller"},
      {peer("{ipBlock: {cidr: \"::/0\", except: [10.0.0.0/8]}}"),
       "spec.egress[0].to[0].ipBlock.except[0]: is 10.0.0.0/8, must lie inside cidr, which is ::/0, and be "
       "smaller"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(faults(row.text), ElementsAre("f.yaml:3: NetworkPolicy default/p: " + row.fault)) << row.text;
  }
}

TEST(ReadFault, AdminPolicy) {
  const auto faults = [](const std::string& kind, const std::string& spec) {
    return faults_of("{apiVersion: policy.networking.k8s.io/v1alpha1, kind: " + kind +
                     ",\n metadata: {name: p},\n spec: {" + spec + "}}\n");
  };
  const std::string head = "priority: 1, subject: {namespaces: {}}, ";
  const auto port = [&](const std::string& entry) {
    return head + "ingress: [{action: Deny, from: [{namespaces: {}}], ports: [" + entry + "]}]";
  };
  const auto to = [&](const std::string& entry) {
    return head + "egress: [{action: Deny, to: [" + entry + "]}]";
  };
  const Row rows[] = {
      {"subject: {namespaces: {}}", "spec.priority: missing"},
      {"priority: 1001, subject: {namespaces: {}}", "spec.priority: is 1001, must be 0 to 1000"},
      {"priority: 1", "spec.subject: missing"},
      {"priority: 1, subject: {}", "spec.subject: must have one of namespaces, pods"},
      {"priority: 1, subject: {namespaces: {}, pods: {namespaceSelector: {}, podSelector: {}}}",
       "spec.subject: must have only one of namespaces, pods"},
      {"priority: 1, subject: {pods: {podSelector: {}}}", "spec.subject.pods.namespaceSelector: missing"},
      {head + "ingress: [{from: [{namespaces: {}}]}]", "spec.ingress[0].action: missing"},
      {head + "ingress: [{action: allow, from: [{namespaces: {}}]}]",
       "spec.ingress[0].action: is \"allow\", must be Allow or Deny or Pass; did you mean \"Allow\"?"},
      {head + "ingress: [{action: Deny}]", "spec.ingress[0].from: missing"},
      {head + "ingress: [{action: Deny, from: []}]",
       "spec.ingress[0].from: must have at least one peer; {namespaces: {}} is every one"},
      {head + "ingress: [{action: Deny, from: [{networks: [10.0.0.0/8]}]}]",
       "spec.ingress[0].from[0].networks: unknown field; known here: namespaces, pods"},
      {to("{nodes: {}}"),
       "spec.egress[0].to[0].nodes: not supported by Outrigger; use networks with the addresses meant"},
      {to("{domainNames: [example.com]}"),
       "spec.egress[0].to[0].domainNames: not supported by Outrigger; use networks with the addresses meant"},
      {to("{networks: []}"), "spec.egress[0].to[0].networks: must have at least one prefix"},
      {port("{}"), "spec.ingress[0].ports[0]: must have one of portNumber, portRange, namedPort"},
      {port("{portNumber: {protocol: TCP}}"), "spec.ingress[0].ports[0].portNumber.port: missing"},
      {port("{portRange: {start: 5, end: 4}}"),
       "spec.ingress[0].ports[0].portRange: end is 4, must be at least start, which is 5"},
      {port("{port: 80}"),
       "spec.ingress[0].ports[0].port: unknown field; known here: portNumber, portRange, namedPort"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(faults("AdminNetworkPolicy", row.text),
                ElementsAre("f.yaml:3: AdminNetworkPolicy p: " + row.fault))
        << row.text;
  }
  const std::string baseline = "f.yaml:3: BaselineAdminNetworkPolicy p: ";
  EXPECT_THAT(faults("BaselineAdminNetworkPolicy",
                     "subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}]"),
              ElementsAre(baseline + "spec.ingress[0].action: is \"Pass\", must be Allow or Deny"));
  EXPECT_THAT(faults("BaselineAdminNetworkPolicy", "priority: 1, subject: {namespaces: {}}"),
              ElementsAre(baseline + "spec.priority: unknown field; known here: subject, ingress, egress"));
}

TEST(ReadFault, AllFaultsAreCollected) {
  EXPECT_EQ(
      faults_of("kind: Node\nmetadata: {name: A}\nspec: {kind: x, underlay: [y]}\n---\nkind: Nope\n").size(),
      4u);
}

TEST(Syntax, EditDistanceCountsWhatFingersDo) {
  EXPECT_EQ(edit_distance("adresses", "addresses"), 1u);
  EXPECT_EQ(edit_distance("ndoe", "node"), 1u);
  EXPECT_EQ(edit_distance("Node", "node"), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

}  // namespace
}  // namespace outrigger::manifest
