#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/vswitch/table.h"
#include "services/vswitch/test_world.h"

namespace outrigger::vswitch::test {
namespace {

using testing::HasSubstr;

TEST(Build, AcceptsTheWorld) { EXPECT_TRUE(VswitchTable::build(world()).ok()); }
TEST(Build, AcceptsNothing) { EXPECT_TRUE(VswitchTable::build(v1::Structure{}).ok()); }

// Each fault alone in an otherwise good structure, and the words that must name it.
TEST(Build, RefusesByName) {
  struct {
    const char* says;
    std::function<void(v1::Structure&)> spoil;
  } const rows[] = {
      {"port id 1 is used twice", [](auto& s) { s.add_ports()->set_id(1); }},
      {"port 65535", [](auto& s) { s.add_ports()->set_id(65535); }},
      {"peer id 0 is used twice", [](auto& s) { s.add_peers()->set_id(0); }},
      {"underlay address", [](auto& s) { s.add_underlay(std::string(5, 1)); }},
      {"underlay MAC", [](auto& s) { s.set_underlay_mac(std::string(5, 1)); }},
      {"VNI 100 is used twice", [](auto& s) { s.mutable_networks(1)->set_vni(100); }},
      {"VNI 16777216 is not 1 to", [](auto& s) { s.mutable_networks(1)->set_vni(1 << 24); }},
      {"MTU 100 is not", [](auto& s) { s.mutable_networks(0)->set_mtu(100); }},
      {"MTU 1000 is below 1280", [](auto& s) { s.mutable_networks(0)->set_mtu(1000); }},
      {"network \"blue\": the gateway MAC", [](auto& s) { s.mutable_networks(0)->clear_gateway_mac(); }},
      {"DNS server", [](auto& s) { s.mutable_networks(0)->add_dns_servers(std::string(1, 1)); }},
      {"subnet is not a prefix",
       [](auto& s) { s.mutable_networks(0)->mutable_subnets(0)->mutable_prefix()->set_length(96); }},
      {"the gateway of subnet 10.1.0.0/24",
       [](auto& s) { s.mutable_networks(0)->mutable_subnets(0)->set_gateway(ip("10.9.0.1").bytes()); }},
      {"overlap",
       [](auto& s) {
         v1::Subnet* subnet = s.mutable_networks(0)->add_subnets();
         set_prefix(subnet->mutable_prefix(), "10.1.0.128/25");
         subnet->set_gateway(ip("10.1.0.129").bytes());
       }},
      {"endpoint \"shop/db\": id 40 is used twice", [](auto& s) { s.mutable_endpoints(1)->set_id(40); }},
      {"not below 2^24", [](auto& s) { s.mutable_endpoints(1)->set_id(0xffffff); }},
      {"no network has VNI 7", [](auto& s) { s.mutable_endpoints(1)->set_vni(7); }},
      {"the MAC is not", [](auto& s) { s.mutable_endpoints(1)->set_mac(bytes(MacAddress::broadcast())); }},
      {"already belongs to \"shop/web-1\"", [](auto& s) { s.mutable_endpoints(1)->set_mac(bytes(kWeb)); }},
      {"is the gateway's", [](auto& s) { s.mutable_endpoints(1)->set_mac(bytes(kGatewayMac)); }},
      {"address 10.1.0.11 already belongs to \"shop/web-1\"",
       [](auto& s) { s.mutable_endpoints(1)->add_addresses(ip("10.1.0.11").bytes()); }},
      {"address 10.1.0.1 already belongs to the gateway",
       [](auto& s) { s.mutable_endpoints(1)->add_addresses(ip("10.1.0.1").bytes()); }},
      {"is given twice", [](auto& s) { s.mutable_endpoints(1)->add_addresses(ip("10.1.1.12").bytes()); }},
      {"not a host address", [](auto& s) { s.mutable_endpoints(1)->add_addresses(ip("224.0.0.1").bytes()); }},
      {"a prefix is not", [](auto& s) { s.mutable_endpoints(1)->add_prefixes()->set_length(129); }},
      {"prefix 172.16.0.0/16 is already behind \"shop/router\"",
       [](auto& s) { set_prefix(s.mutable_endpoints(3)->add_prefixes(), "172.16.0.0/16"); }},
      {"peer 9 does not exist", [](auto& s) { s.mutable_endpoints(1)->set_peer(9); }},
      {"port 9 does not exist", [](auto& s) { s.mutable_endpoints(1)->set_port(9); }},
      {"port 0 is the uplink", [](auto& s) { s.mutable_endpoints(1)->set_port(0); }},
      {"port 1 is already bound to \"shop/web-1\"", [](auto& s) { s.mutable_endpoints(1)->set_port(1); }},
      {"neither port nor peer", [](auto& s) { s.mutable_endpoints(1)->clear_port(); }},
  };
  for (const auto& row : rows) {
    v1::Structure structure = world();
    row.spoil(structure);
    const auto built = VswitchTable::build(structure);
    ASSERT_FALSE(built.ok()) << row.says;
    EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(built.status().message()), HasSubstr(row.says));
  }
}

TEST(Table, LongestPrefixWins) {
  v1::Structure structure = world();
  set_prefix(structure.mutable_endpoints(3)->add_prefixes(), "172.16.5.0/24");
  const auto built = *VswitchTable::build(structure);
  const auto& state = built.state();
  const NetworkEntry& blue = *state.network(kBlue);
  EXPECT_EQ(state.in_front_of(blue, ip("172.16.5.9"))->id, kCacheId);
  EXPECT_EQ(state.in_front_of(blue, ip("172.16.6.9"))->id, kRouterId);
  EXPECT_EQ(state.in_front_of(blue, ip("9.9.9.9"))->id, kRouterId);
  EXPECT_EQ(state.in_front_of(blue, ip("10.1.0.200")), nullptr);
  EXPECT_EQ(state.in_front_of(blue, ip("2001:db8:6::1")), nullptr);
}

}  // namespace
}  // namespace outrigger::vswitch::test
