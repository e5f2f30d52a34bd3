// The path of a whole host, with real namespaces.
#include "host/path.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "absl/time/clock.h"
#include "host/netns_rig.h"

namespace outrigger::host {
namespace {

constexpr int kEndpoints = 100;

class PathTest : public NetnsTest {
 protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped()) return;
    std::filesystem::create_directories(folder_);
    std::string spaces, links;
    for (int i = 0; i < kEndpoints; ++i) {
      const std::string guest = name(absl::StrCat("guest", i));
      absl::StrAppend(&spaces, "netns add ", guest, "\n");
      absl::StrAppend(&links, "link add d", i, " type veth peer name eth0 netns ", guest, "\nlink set d", i,
                      " up\n");
      guests_.push_back({absl::StrCat("shop/e", i), netns_path(guest), "eth0"});
    }
    ASSERT_TRUE(ip_batch("", spaces + links).ok());
    world_ = world();
    for (int i = 0; i < kEndpoints; ++i) {
      const std::string lines = absl::StrCat("link set eth0 address ", world_.networks[0].places[i].mac.str(),
                                             "\nlink set eth0 up\naddr add 10.1.0.", i + 2,
                                             "/24 dev eth0\nroute add default via 10.1.0.1 dev eth0\n");
      ASSERT_TRUE(ip_batch(guests_[i].netns, lines).ok());
    }
  }
  void TearDown() override {
    NetnsTest::TearDown();
    std::filesystem::remove_all(folder_);
  }
  static World world() {
    NetworkWorld network{.vni = 100, .name = "shop", .mtu = 1450};
    network.gateway_mac = *MacAddress::parse("02:00:00:00:00:01");
    network.subnets.push_back({*IpPrefix::parse("10.1.0.0/24"), *IpAddress::parse("10.1.0.1")});
    for (uint32_t i = 0; i < kEndpoints; ++i) {
      Place place{.id = i + 1, .name = absl::StrCat("shop/e", i), .mac = {}};
      place.mac.bytes = {2, 0, 0, 0, 1, static_cast<uint8_t>(i)};
      place.addresses.push_back(IpAddress::v4(0x0a010002 + i));
      place.local = true;
      network.places.push_back(std::move(place));
    }
    World world{.node = "host-a", .generation = 1, .tunnel = *IpAddress::parse("192.0.2.1")};
    world.networks.push_back(std::move(network));
    return world;
  }
  [[nodiscard]] bool carried_by(int endpoint, const std::string& device, const std::string& other) const {
    const Guest& guest = guests_[endpoint];
    const auto has = belongings_of({guest.endpoint, guest.netns, device});
    const MacAddress& mac = world_.networks[0].places[endpoint].mac;
    return has.ok() &&
           has->addresses == absl::StrCat("addr replace 10.1.0.", endpoint + 2, "/24 dev DEV\n") &&
           has->routes == "route replace default via 10.1.0.1 dev DEV\n" && is_open(guest, device, mac) &&
           !is_open(guest, other, mac);
  }

  const std::string folder_ = absl::StrCat(::testing::TempDir(), "or-path-", getpid());
  std::vector<Guest> guests_;
  World world_;
};

// While it lasts nobody carries an endpoint's packets.
TEST_F(PathTest, AHundredEndpointsAreTakenOverInAMoment) {
  Path path(name("fb."), folder_);
  absl::Status status = path.prepare(world_, guests_);
  ASSERT_TRUE(status.ok()) << status;
  absl::Duration taken = absl::InfiniteDuration(), given = absl::InfiniteDuration();  // the best of three
  for (int round = 0; round < 3; ++round) {
    absl::Time began = absl::Now();
    status = path.take_over();
    taken = std::min(taken, absl::Now() - began);
    ASSERT_TRUE(status.ok()) << status;
    for (int i = 0; i < kEndpoints; ++i) EXPECT_TRUE(carried_by(i, "fb0", "eth0")) << i;
    began = absl::Now();
    status = path.give_back();
    given = std::min(given, absl::Now() - began);
    ASSERT_TRUE(status.ok()) << status;
    for (int i = 0; i < kEndpoints; ++i) EXPECT_TRUE(carried_by(i, "eth0", "fb0")) << i;
  }
  std::cout << kEndpoints << " endpoints: taken over in " << taken << ", given back in " << given << "\n";
  EXPECT_LT(taken, absl::Milliseconds(500));
  // One that cannot be moved is named, and holds up no other.
  ASSERT_TRUE(
      ip_batch(guests_[7].netns, "link set eth0 down\nlink set fb0 down\nlink set fb0 name gone\n").ok());
  status = path.take_over();
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("endpoint shop/e7: link set fb0"));
  EXPECT_TRUE(carried_by(8, "fb0", "eth0"));
}

// Each thing without which it would not carry is missed, and named.
TEST_F(PathTest, WhatIsMissingIsNamed) {
  world_.networks[0].subnets.push_back({*IpPrefix::parse("fd00:1::/64"), *IpAddress::parse("fd00:1::1")});
  Path path(name("fb."), folder_);
  ASSERT_TRUE(path.prepare(world_, guests_).ok());
  const auto missing = [&path] { return std::string(path.test().message()); };
  EXPECT_EQ(missing(), "this host does not have its tunnel address 192.0.2.1");
  ASSERT_TRUE(ip_batch("", "addr add 192.0.2.1/32 dev lo\n").ok());
  EXPECT_EQ(missing(), "");
  const std::string netns = netns_path(name("fb.100"));
  ASSERT_TRUE(ip_batch(netns, "addr del fd00:1::1/64 dev br100\n").ok());
  EXPECT_EQ(missing(), "network shop: gateway fd00:1::1 does not answer");
  ASSERT_TRUE(ip_batch(netns, "addr del 10.1.0.1/24 dev br100\n").ok());
  EXPECT_EQ(missing(), "network shop: gateway 10.1.0.1 does not answer");
  ASSERT_TRUE(nft(netns, "delete table inet outrigger\n").ok());
  EXPECT_EQ(missing(), "network shop: its rules are gone: no chain forward in table inet outrigger");
  ASSERT_TRUE(ip_batch(netns, "link del br100\n").ok());
  EXPECT_EQ(missing(), "network shop: device br100 is missing");
  ASSERT_TRUE(nft("", "delete table inet outrigger_tunnel\n").ok());
  EXPECT_EQ(missing(), "its rules are gone: no chain input in table inet outrigger_tunnel");
  ASSERT_TRUE(path.prepare(world_, guests_).ok());
  EXPECT_EQ(missing(), "");
}

}  // namespace
}  // namespace outrigger::host
