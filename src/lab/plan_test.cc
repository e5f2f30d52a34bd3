#include "lab/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace outrigger::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNodes[] = R"(
apiVersion: outrigger.dev/v1alpha1
kind: Node
metadata: {name: host-a}
spec: {kind: dpu, underlay: [192.0.2.1, "2001:db8::1"]}
---
apiVersion: outrigger.dev/v1alpha1
kind: Node
metadata: {name: host-c}
spec: {kind: plain, underlay: [192.0.2.3]}
---
)";

std::string network(const std::string& encapsulation) {
  return absl::StrCat(R"(
apiVersion: outrigger.dev/v1alpha1
kind: Network
metadata: {name: blue}
spec: {vni: 100, mtu: 1400, encapsulation: )",
                      encapsulation, R"(, subnets: [
  {cidr: 10.1.0.0/24, gateway: 10.1.0.1}, {cidr: 10.1.1.0/24, gateway: 10.1.1.1}, {cidr: "fd00:1::/64", gateway: "fd00:1::1"}]}
---
)");
}

std::string endpoint(const std::string& name, const std::string& node, const std::string& addresses,
                     int mac) {
  return absl::StrCat(R"(
apiVersion: outrigger.dev/v1alpha1
kind: Endpoint
metadata: {name: )",
                      name, R"(, namespace: shop}
spec: {node: )",
                      node, ", network: blue, addresses: [", addresses, "], mac: \"02:00:00:00:01:0", mac,
                      "\"}\n---\n");
}

absl::StatusOr<Plan> planned(const std::string& yaml, bool dhcp = false) {
  const auto documents = documents_of(yaml, "test.yaml");
  if (!documents.ok()) return documents.status();
  return plan("t", *documents, dhcp);
}

TEST(Plan, EndpointGetsAddressesOfItsSubnetsAndOneGatewayAFamily) {
  const auto made = planned(std::string(kNodes) + network("vxlan") +
                            endpoint("web-1", "host-a", "10.1.1.11, 10.1.0.11, \"fd00:1::11\"", 1));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_EQ(made->endpoints.size(), 1u);
  const PlannedEndpoint& web = made->endpoints.front();
  EXPECT_EQ(web.netns, "or-t.ep.shop.web-1");
  EXPECT_FALSE(web.plain);
  EXPECT_THAT(web.addresses, ElementsAre("10.1.1.11", "10.1.0.11", "fd00:1::11"));
  EXPECT_EQ(web.setup,
            "link set lo up\n"
            "link set eth0 down\n"
            "link set eth0 address 02:00:00:00:01:01 mtu 1400\n"
            "addr flush dev eth0\n"
            "addr replace 10.1.1.11/24 dev eth0\n"
            "addr replace 10.1.0.11/24 dev eth0\n"
            "addr replace fd00:1::11/64 dev eth0 nodad\n"
            "link set eth0 up\n"
            "route replace default via 10.1.1.1 dev eth0\n"
            "route replace default via fd00:1::1 dev eth0\n");
}

TEST(Plan, DhcpGuestsGetNoAddressesButOnPlainNodes) {
  const auto made =
      planned(std::string(kNodes) + network("vxlan") + endpoint("web-1", "host-a", "10.1.0.11", 1) +
                  endpoint("web-2", "host-c", "10.1.0.12", 2),
              true);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->endpoints[0].setup, Not(HasSubstr("10.1.0")));
  EXPECT_THAT(made->endpoints[1].setup, HasSubstr("10.1.0.12/24"));
}

TEST(Plan, GeneveOnAPlainNodeIsRefusedByName) {
  const std::string common = std::string(kNodes) + network("geneve");
  EXPECT_TRUE(planned(common + endpoint("web-1", "host-a", "10.1.0.11", 1)).ok());
  const auto refused = planned(common + endpoint("web-2", "host-c", "10.1.0.12", 2));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(refused.status().message(), HasSubstr("shop/web-2"));
  EXPECT_THAT(refused.status().message(), HasSubstr("blue"));
}

TEST(Plan, FaultyManifestsAreRefusedWithTheFault) {
  const auto refused = planned(std::string(kNodes) + endpoint("web-1", "host-a", "10.1.0.11", 1));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("blue"));
}

TEST(Plan, TopologyLeavesPoliciesOut) {
  const auto documents = documents_of(std::string(kNodes) + R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
)",
                                      "test.yaml");
  ASSERT_TRUE(documents.ok()) << documents.status();
  const std::string topology = topology_of(*documents);
  EXPECT_THAT(topology, HasSubstr("host-c"));
  EXPECT_THAT(topology, Not(HasSubstr("NetworkPolicy")));
  EXPECT_TRUE(documents_of(topology, "again").ok());
}

}  // namespace
}  // namespace outrigger::lab
