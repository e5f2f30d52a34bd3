#include "manifest/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "manifest/fixture.h"

namespace outrigger::manifest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Lines 1 to 3 and 5 to 7; what a row adds begins on line 9.
const std::string kBase = R"(kind: Node
metadata: {name: a}
spec: {underlay: [192.0.2.1, "2001:db8::1"]}
---
kind: Network
metadata: {name: blue}
spec: {vni: 100, subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1}, {cidr: 10.1.1.0/24, gateway: 10.1.1.1}]}
---
)";

std::string node(const std::string& name, const std::string& spec) {
  return "kind: Node\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n---\n";
}

std::string network(const std::string& name, const std::string& spec) {
  return "kind: Network\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n---\n";
}

std::string endpoint(const std::string& name, const std::string& address, int mac,
                     const std::string& more = "") {
  return "kind: Endpoint\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {node: a, network: blue, addresses: [" + address +
         "], mac: \"02:00:00:00:00:0" + std::to_string(mac) + "\"" + more + "}\n---\n";
}

std::string admin(const std::string& name, int priority) {
  return "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: " + name +
         "}\nspec: {priority: " + std::to_string(priority) + ", subject: {namespaces: {}}}\n---\n";
}

TEST(Check, SoundObjectsHaveNoFault) {
  EXPECT_THAT(check_faults_of(kBase + endpoint("web-1", "10.1.0.11, 0.0.0.0/0", 1) +
                              endpoint("web-2", "10.1.1.11", 2) + admin("one", 1) + admin("two", 2) +
                              network("red", "vni: 101, subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1}]") +
                              // one address and MAC in two networks, a /31 without reserved addresses
                              "kind: Endpoint\nmetadata: {name: web-1}\nspec: {node: a, network: red, "
                              "addresses: [10.1.0.11], mac: \"02:00:00:00:00:01\"}\n---\n" +
                              network("link", "vni: 102, subnets: [{cidr: 10.0.0.0/31, gateway: 10.0.0.0}]")),
              IsEmpty());
}

TEST(Check, EachFaultNamesTheObjectToChange) {
  const std::string web = endpoint("web-1", "10.1.0.11", 1);
  const struct {
    std::string text;
    const char* fault;
  } rows[] = {
      {node("a", "underlay: [192.0.2.9]"),
       "f.yaml:9: Node a: is defined twice, first as Node a (f.yaml:1); remove or rename one"},
      {node("b", "underlay: [\"2001:db8::1\"]"),
       "f.yaml:9: Node b: spec.underlay[0]: is 2001:db8::1, which already belongs to Node a (f.yaml:1)"},
      {node("b", "underlay: [192.0.2.9], fallback: {underlay: 192.0.2.1}"),
       "f.yaml:9: Node b: spec.fallback.underlay: is 192.0.2.1, which already belongs to Node a (f.yaml:1)"},
      {node("b", "underlay: [192.0.2.9], fallback: {underlay: \"2001:db8::9\"}"),
       "f.yaml:9: Node b: spec.fallback.underlay: is 2001:db8::9, but spec.underlay has no address of its "
       "family"},
      {node("b", "kind: plain, underlay: [192.0.2.9], fallback: {underlay: 192.0.2.8}"),
       "f.yaml:9: Node b: spec.fallback.underlay: a plain node has no DPU to fall back from; remove it"},
      {network("red", "vni: 100, subnets: [{cidr: 10.2.0.0/24, gateway: 10.2.0.1}]"),
       "f.yaml:9: Network red: spec.vni: is 100, which already belongs to Network blue (f.yaml:5)"},
      {network("red", "vni: 7, subnets: [{cidr: 10.2.0.0/24, gateway: 10.3.0.1}]"),
       "f.yaml:9: Network red: spec.subnets[0].gateway: is 10.3.0.1, must lie inside cidr, which is "
       "10.2.0.0/24"},
      {network("red", "vni: 7, subnets: [{cidr: \"::/0\", gateway: 10.3.0.1}]"),
       "f.yaml:9: Network red: spec.subnets[0].gateway: is 10.3.0.1, must lie inside cidr, which is ::/0"},
      {network("red", "vni: 7, subnets: [{cidr: 10.2.0.0/24, gateway: 10.2.0.255}]"),
       "f.yaml:9: Network red: spec.subnets[0].gateway: is 10.2.0.255, the broadcast address of 10.2.0.0/24; "
       "take "
       "another address of it"},
      {network("red",
               "vni: 7, subnets: [{cidr: 10.2.0.0/16, gateway: 10.2.0.1}, {cidr: 10.2.3.0/24, gateway: "
               "10.2.3.1}]"),
       "f.yaml:9: Network red: spec.subnets[1].cidr: is 10.2.3.0/24, overlaps spec.subnets[0], which is "
       "10.2.0.0/16"},
      {endpoint("x", "10.1.0.9", 9, ", device: \"a-name-that-is-not-short-0\"") +
           endpoint("z", "10.1.0.7", 7, ", device: \"a-name-that-is-not-short-1\"") +
           endpoint("y", "10.1.0.8", 8, ", device: \"a-name-that-is-not-short-0\""),
       "f.yaml:17: Endpoint shop/y: spec.device: is a-name-that-is-not-short-0, which on node a already "
       "belongs "
       "to Endpoint shop/x (f.yaml:9)"},
      {endpoint("x", "10.1.0.9", 9, ", device: d0") + endpoint("y", "10.1.0.8", 8, ", device: d0"),
       "f.yaml:13: Endpoint shop/y: spec.device: is d0, which on node a already belongs to Endpoint shop/x "
       "(f.yaml:9)"},
      {"kind: Endpoint\nmetadata: {name: x}\nspec: {node: b, network: blue, addresses: [10.1.0.9], mac: "
       "\"02:00:00:00:00:09\"}\n",
       "f.yaml:9: Endpoint default/x: spec.node: Node b does not exist"},
      {"kind: Endpoint\nmetadata: {name: x}\nspec: {node: a, network: bleu, addresses: [10.1.0.9], mac: "
       "\"02:00:00:00:00:09\"}\n",
       "f.yaml:9: Endpoint default/x: spec.network: Network bleu does not exist; did you mean blue?"},
      {endpoint("x", "10.9.0.1", 9),
       "f.yaml:9: Endpoint shop/x: spec.addresses: 10.9.0.1 lies outside every subnet of Network blue "
       "(f.yaml:5): "
       "10.1.0.0/24, 10.1.1.0/24"},
      {endpoint("x", "\"fd00::1\"", 9),
       "f.yaml:9: Endpoint shop/x: spec.addresses: fd00::1: Network blue (f.yaml:5) has no IPv6 subnet; add "
       "one or "
       "remove the address"},
      {endpoint("x", "10.1.1.1", 9),
       "f.yaml:9: Endpoint shop/x: spec.addresses: 10.1.1.1 is the gateway of Network blue; take another "
       "address of "
       "10.1.1.0/24"},
      {endpoint("x", "10.1.1.0", 9),
       "f.yaml:9: Endpoint shop/x: spec.addresses: 10.1.1.0 is the network address of 10.1.1.0/24; take "
       "another "
       "address of it"},
      {endpoint("x", "10.1.1.7, 10.1.1.7", 9),
       "f.yaml:9: Endpoint shop/x: spec.addresses: 10.1.1.7 is given twice"},
      {web + endpoint("x", "10.1.0.11", 9),
       "f.yaml:13: Endpoint shop/x: spec.addresses: 10.1.0.11 already belongs to Endpoint shop/web-1 "
       "(f.yaml:9)"},
      {web + endpoint("x", "10.1.0.12", 1),
       "f.yaml:13: Endpoint shop/x: spec.mac: MAC 02:00:00:00:00:01 already belongs to Endpoint shop/web-1 "
       "(f.yaml:9)"},
      {endpoint("x", "10.1.0.12, 10.8.0.0/16", 1) + endpoint("y", "10.1.0.13, 10.8.0.0/16", 2),
       "f.yaml:13: Endpoint shop/y: spec.addresses: 10.8.0.0/16 already belongs to Endpoint shop/x "
       "(f.yaml:9)"},
      {endpoint("x", "10.1.0.12", 1, ", ports: [{name: dns, port: 53}, {name: dns, port: 54}]"),
       "f.yaml:9: Endpoint shop/x: spec.ports[1].name: is dns, which is already given for this protocol"},
      {admin("one", 5) + admin("two", 5),
       "f.yaml:14: AdminNetworkPolicy two: spec.priority: is 5, as in AdminNetworkPolicy one (f.yaml:9); "
       "which of the "
       "two comes first would be left open, give one another priority"},
      {"apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: "
       "base}\n"
       "spec: {subject: {namespaces: {}}}\n",
       "f.yaml:9: BaselineAdminNetworkPolicy base: metadata.name: must be default; there is one baseline"},
  };
  for (const auto& row : rows) EXPECT_THAT(check_faults_of(kBase + row.text), ElementsAre(row.fault));
}

TEST(Check, MtuFitsTheUnderlayOfTheNodesThatCarryTheNetwork) {
  const std::string subnet = ", subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1}]";
  const auto faults = [&](const std::string& net, const std::string& a, const std::string& b) {
    return check_faults_of(
        network("blue", "vni: 1, " + net + subnet) + node("a", a) + node("b", b) +
        endpoint("x", "10.1.0.2", 1) +
        "kind: Endpoint\nmetadata: {name: y}\nspec: {node: b, network: blue, addresses: [10.1.0.3], "
        "mac: \"02:00:00:00:00:02\"}\n");
  };
  const std::string v4_a = "underlay: [192.0.2.1]", v4_b = "underlay: [192.0.2.2]";
  const std::string v6_a = "underlay: [\"2001:db8::1\"]", v6_b = "underlay: [\"2001:db8::2\"]";
  const std::string both_a = "underlay: [192.0.2.1, \"2001:db8::1\"]";
  EXPECT_THAT(faults("mtu: 1450", both_a, v4_b), IsEmpty());
  EXPECT_THAT(faults("mtu: 1430", v6_a, v6_b), IsEmpty());
  EXPECT_THAT(faults("mtu: 8950", v4_a + ", underlayMtu: 9000", v4_b + ", underlayMtu: 9000"), IsEmpty());
  EXPECT_THAT(
      faults("mtu: 1451", both_a, v4_b),
      ElementsAre(
          "f.yaml:1: Network blue: spec.mtu: is 1451, which with 50 bytes of VXLAN over IPv4 exceeds the "
          "1500 of spec.underlayMtu of Node a (f.yaml:5); must be at most 1450, or raise underlayMtu"));
  EXPECT_THAT(
      faults("mtu: 1450, encapsulation: geneve", both_a, v6_b),
      ElementsAre(
          "f.yaml:1: Network blue: spec.mtu: is 1450, which with 70 bytes of Geneve over IPv6 exceeds "
          "the 1500 of spec.underlayMtu of Node a (f.yaml:5); must be at most 1430, or raise "
          "underlayMtu"));
  EXPECT_THAT(
      faults("mtu: 1430", v4_a, v6_b),
      ElementsAre(
          "f.yaml:1: Network blue: joins Node a (f.yaml:5), which has only an IPv4 underlay, and Node b "
          "(f.yaml:9), which has only an IPv6 one; give one of them both"));
}

TEST(Check, MacsMadeByProgramsAreCheckedToo) {
  Node host;
  host.meta.name = "a";
  Network net;
  net.meta.name = "blue";
  net.vni = 1;
  net.subnets = {{*IpPrefix::parse("10.0.0.0/8"), *IpAddress::parse("10.0.0.1")}};
  Endpoint web;
  web.meta.name = "web";
  web.meta.ns = "shop";
  web.node = "a";
  web.network = "blue";
  web.addresses = {*IpAddress::parse("10.0.0.2")};
  const Object objects[] = {host, net, web};
  EXPECT_THAT(
      texts(check({&objects[0], &objects[1], &objects[2]})),
      ElementsAre("Endpoint shop/web: spec.mac: is 00:00:00:00:00:00, must be the MAC of one interface"));
}

// Issue A: a batch of 10 k objects with one fault gives one clear error, soon.
TEST(Check, OneFaultAmongTenThousand) {
  std::string text = node("a", "underlay: [192.0.2.1]") +
                     network("blue", "vni: 1, subnets: [{cidr: 10.0.0.0/8, gateway: 10.0.0.1}]");
  for (int i = 0; i < 10000; ++i) {
    char body[256];
    const int n = i == 9000 ? 4321 : i;  // one endpoint takes another's MAC
    std::snprintf(
        body, sizeof body,
        "kind: Endpoint\nmetadata: {name: e%d}\nspec: {node: a, network: blue, addresses: [10.1.%d.%d], mac: "
        "\"02:00:00:00:%02x:%02x\"}\n---\n",
        i, i / 200, i % 200 + 1, n / 256, n % 256);
    text += body;
  }
  const Reading reading = read(text, "big.yaml");
  ASSERT_THAT(texts(reading.faults), IsEmpty());
  std::vector<const Object*> objects;
  for (const Document& document : reading.documents) objects.push_back(&document.object);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Fault> faults = check(objects);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_THAT(texts(faults),
              ElementsAre("big.yaml:36009: Endpoint default/e9000: spec.mac: MAC 02:00:00:00:10:e1 "
                          "already belongs to Endpoint default/e4321 (big.yaml:17293)"));
}

}  // namespace
}  // namespace outrigger::manifest
