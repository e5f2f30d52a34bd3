#include "lab/names.h"

#include <gtest/gtest.h>

#include <set>

namespace outrigger::lab {
namespace {

TEST(Names, RefusesWhatCouldEscapeThePrefix) {
  for (const char* good : {"default", "a", "two_labs-2"}) EXPECT_TRUE(check_name(good).ok()) << good;
  for (const char* bad : {"", "a.b", "a/b", "..", "A", "a b", "an-overlong-name-of-more-than-32-bytes"}) {
    EXPECT_FALSE(check_name(bad).ok()) << bad;
  }
}

TEST(Names, EndpointsComeBackFromTheirNamespace) {
  for (const char* endpoint : {"shop/web-1", "shop/web.v2", "a-b/c"}) {
    EXPECT_EQ(endpoint_of("lab", endpoint_netns("lab", endpoint)), endpoint);
  }
  EXPECT_EQ(endpoint_of("lab", node_netns("lab", "host-a")), std::nullopt);
  EXPECT_EQ(endpoint_of("other", endpoint_netns("lab", "shop/web-1")), std::nullopt);
}

// "a" must not take "a-b" or "a_ep" for its own: `down a` removes by prefix.
TEST(Names, OneLabsPrefixIsNoOthers) {
  EXPECT_EQ(fabric_netns("a-b").find(prefix("a")), std::string::npos);
  EXPECT_EQ(lab_of(fabric_netns("a-b")), "a-b");
  EXPECT_EQ(lab_of("or-default"), std::nullopt);
  EXPECT_EQ(lab_of("docker.or-a"), std::nullopt);
}

TEST(Names, DevicesFitAndDiffer) {
  std::set<std::string> seen;
  for (const char* node : {"host-a", "worker-in-rack-1", "worker-in-rack-2", "twelve-bytes"}) {
    EXPECT_LE(uplink_name(node).size(), 15u) << node;
    EXPECT_TRUE(seen.insert(uplink_name(node)).second) << node;
  }
  EXPECT_EQ(uplink_name("host-a"), "up-host-a");
  EXPECT_EQ(veth_name(*MacAddress::parse("02:00:00:00:03:01")), "v020000000301");
}

TEST(Names, UplinkMacIsLocalUnicast) {
  const MacAddress mac = uplink_mac("host-a");
  EXPECT_FALSE(mac.is_multicast());
  EXPECT_EQ(mac.bytes[0] & 2, 2);
  EXPECT_NE(mac, uplink_mac("host-b"));
}

}  // namespace
}  // namespace outrigger::lab
