#include "host/guest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outrigger::host {
namespace {

TEST(Guest, TheOldPathIsShutBeforeTheNewOneIsOpened) {
  const Belongings what{"addr replace 10.1.0.11/24 dev DEV\n",
                        "route replace default via 10.1.0.1 dev DEV\n"};
  const std::string mac = "02:00:00:00:01:01";
  const std::string open =
      "link set fb0 address 02:00:00:00:01:01\nlink set fb0 mtu 1450\nlink set fb0 up\n"
      "addr replace 10.1.0.11/24 dev fb0\nroute replace default via 10.1.0.1 dev fb0\n";
  EXPECT_EQ(move_lines(what, "eth0", true, "fb0", *MacAddress::parse(mac), 1450),
            "link set eth0 down\naddr flush dev eth0\n" + open);
  EXPECT_EQ(move_lines(what, "eth0", false, "fb0", *MacAddress::parse(mac), 1450), open);
}

TEST(Guest, BetweenOpenDevicesNothingIsGoneBeforeItIsThere) {
  const Belongings what{"addr replace 10.1.0.11/24 dev DEV\n",
                        "route replace default via 10.1.0.1 dev DEV\n"};
  EXPECT_EQ(open_lines("eth0", MacAddress::parse("02:00:00:00:01:01"), 1450),
            "link set eth0 address 02:00:00:00:01:01\nlink set eth0 mtu 1450\nlink set eth0 up\n");
  EXPECT_EQ(shift_lines(what, "fb0", "eth0"),
            "addr replace 10.1.0.11/24 dev eth0\nroute replace default via 10.1.0.1 dev eth0\naddr flush dev "
            "fb0\n");
  EXPECT_EQ(move_lines(what, "fb0", true, "eth0", std::nullopt, 1450),
            "link set fb0 down\naddr flush dev fb0\nlink set eth0 mtu 1450\nlink set eth0 up\n"
            "addr replace 10.1.0.11/24 dev eth0\nroute replace default via 10.1.0.1 dev eth0\n");
}

TEST(Guest, WithoutAnythingKeptTheManifestSays) {
  NetworkWorld network;
  network.subnets.push_back({*IpPrefix::parse("10.1.0.0/24"), *IpAddress::parse("10.1.0.1")});
  const Place place{.addresses = {*IpAddress::parse("10.1.0.11"), *IpAddress::parse("fd00:9::1")}};
  const Belongings made = belongings_of(network, place);
  EXPECT_EQ(made.addresses, "addr replace 10.1.0.11/24 dev DEV\naddr replace fd00:9::1/128 dev DEV nodad\n");
  EXPECT_EQ(made.routes, "route replace default via 10.1.0.1 dev DEV\n");
}

}  // namespace
}  // namespace outrigger::host
