#include "lab/wiring.h"

#include <gtest/gtest.h>

#include "lab/names.h"

namespace outrigger::lab {
namespace {

PlannedNode node(const std::string& name, std::vector<const char*> underlay) {
  PlannedNode result{name, manifest::Node::Kind::kPlain, node_netns("t", name), uplink_name(name), {}, 1500};
  for (const char* address : underlay) result.underlay.push_back(*IpAddress::parse(address));
  return result;
}

Plan three_nodes() {
  return {{node("a", {"192.0.2.1", "2001:db8::1"}), node("b", {"2001:db8::2"}), node("c", {"192.0.2.3"})},
          {},
          {}};
}

TEST(Wiring, PlainNodeReachesPeersOfItsFamilies) {
  const Plan plan = three_nodes();
  EXPECT_EQ(plain_node_setup(plan.nodes[2], plan),
            "link set lo up\n"
            "link set uplink mtu 1500\n"
            "addr replace 192.0.2.3/32 dev uplink\n"
            "link set uplink up\n"
            "route replace 192.0.2.1/32 dev uplink src 192.0.2.3\n");
}

TEST(Wiring, TheHostsKernelHasItsOwnAddressAndIsReached) {
  Plan plan = three_nodes();
  plan.nodes[0].fallback = {*IpAddress::parse("192.0.2.101")};
  EXPECT_EQ(host_setup(plan.nodes[0], plan),
            "link set lo up\n"
            "link set uplink mtu 1500\n"
            "addr replace 192.0.2.101/32 dev uplink\n"
            "link set uplink up\n"
            "route replace 192.0.2.3/32 dev uplink src 192.0.2.101\n");
  EXPECT_NE(
      plain_node_setup(plan.nodes[2], plan).find("route replace 192.0.2.101/32 dev uplink src 192.0.2.3"),
      std::string::npos);
}

TEST(Wiring, UnknownDestinationsGoToEveryPeerButItself) {
  const Plan plan = three_nodes();
  EXPECT_EQ(flooding_setup(plan.nodes[2], {"blue", 100, 1450}, plan),
            "fdb append 00:00:00:00:00:00 dev vx100 dst 192.0.2.1\n");
  EXPECT_EQ(flooding_setup(plan.nodes[1], {"blue", 100, 1450}, plan),
            "fdb append 00:00:00:00:00:00 dev vx100 dst 2001:db8::1\n");
}

// A device whose packets would not fit the underlay with their outer headers is refused by the kernel.
TEST(Wiring, VxlanMtuLeavesRoomForTheOuterHeaders) {
  const Plan plan = three_nodes();
  EXPECT_NE(network_setup(plan.nodes[2], {"blue", 100, 9000}).find("vx100 mtu 1450 "), std::string::npos);
  EXPECT_NE(network_setup(plan.nodes[1], {"blue", 100, 9000}).find("vx100 mtu 1430 "), std::string::npos);
  EXPECT_NE(network_setup(plan.nodes[2], {"blue", 100, 1400}).find("vx100 mtu 1400 "), std::string::npos);
}

}  // namespace
}  // namespace outrigger::lab
