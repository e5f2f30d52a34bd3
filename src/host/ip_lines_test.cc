#include "host/ip_lines.h"

#include <gmock/gmock.h>

#include "host/guest.h"
#include "host/netns_rig.h"

namespace outrigger::host {
namespace {

constexpr char kDevices[] =
    "link add eth0 type veth peer name p0\nlink add fb0 type veth peer name p1\n"
    "link set p0 up\nlink set p1 up\nlink set eth0 address 02:00:00:00:01:01\nlink set eth0 up\n"
    "addr add 10.1.0.11/24 dev eth0\naddr add 10.1.0.12/24 dev eth0\naddr add fd00:1::11/64 dev eth0 nodad\n"
    "route add default via 10.1.0.1 dev eth0\nroute add 10.7.0.0/16 via 10.1.0.1 dev eth0 metric 7\n"
    "route add 10.9.0.1 dev eth0\nroute add default via fd00:1::1 dev eth0\n"
    "route add fd00:7::/48 via fd00:1::1 dev eth0 metric 9\n";

// All that `ip` says about both devices.
std::string picture(const std::string& netns) {
  std::string all;
  for (const char* device : {"eth0", "fb0"}) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"ip", "-br", "addr", "show", "dev", device},
                                               {"ip", "-br", "link", "show", "dev", device},
                                               {"ip", "-o", "link", "show", "dev", device, "up"},
                                               {"ip", "-4", "route", "show", "dev", device},
                                               {"ip", "-6", "route", "show", "dev", device}}) {
      const auto said = run(netns, words);
      EXPECT_TRUE(said.ok()) << said.status();
      if (said.ok()) all += *said;
    }
  }
  return all;
}

class IpLines : public NetnsTest {
 protected:
  std::string made(const std::string& of) {
    EXPECT_TRUE(ip_batch("", absl::StrCat("netns add ", name(of), "\n")).ok());
    const std::string netns = netns_path(name(of));
    EXPECT_TRUE(write_settings(
                    netns, {{"ipv6/conf/default/accept_dad", "0"}, {"ipv6/conf/default/addr_gen_mode", "1"}})
                    .empty());
    EXPECT_TRUE(ip_batch(netns, kDevices).ok());
    return netns;
  }
};

// `ip` is the oracle: there and back again, each step by one and by the other.
TEST_F(IpLines, DoWhatIpDoes) {
  const std::string by_ip = made("a"), by_us = made("b");
  const MacAddress mac = *MacAddress::parse("02:00:00:00:01:01");
  const auto belongings = belongings_of({"shop/web-1", by_us, "eth0"});
  ASSERT_TRUE(belongings.ok()) << belongings.status();
  for (const std::string& lines :
       {move_lines(*belongings, "eth0", true, "fb0", mac, 1450), open_lines("eth0", std::nullopt, 1400),
        shift_lines(*belongings, "fb0", "eth0"),
        move_lines(*belongings, "fb0", true, "eth0", std::nullopt, 1500)}) {
    ASSERT_TRUE(ip_batch(by_ip, lines).ok()) << lines;
    const absl::Status status = ip_lines(by_us, lines);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(picture(by_us), picture(by_ip)) << "after\n" << lines;
  }
  EXPECT_THAT(picture(by_us), ::testing::HasSubstr("10.7.0.0/16 via 10.1.0.1 metric 7"));
}

TEST_F(IpLines, WhatADeviceHasIsReadFromTheKernel) {
  const std::string netns = made("a");
  const auto found = belongings_of({"shop/web-1", netns, "eth0"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->addresses,
            "addr replace 10.1.0.11/24 dev DEV\naddr replace 10.1.0.12/24 dev DEV\n"
            "addr replace fd00:1::11/64 dev DEV nodad\n");
  EXPECT_THAT(found->routes, ::testing::HasSubstr("route replace default via 10.1.0.1 dev DEV\n"));
  EXPECT_THAT(found->routes, ::testing::HasSubstr("route replace 10.9.0.1/32 dev DEV\n"));
  EXPECT_THAT(found->routes,
              ::testing::HasSubstr("route replace default via fd00:1::1 dev DEV metric 1024\n"));
  EXPECT_THAT(found->routes,
              ::testing::Not(::testing::HasSubstr("10.1.0.0/24")));  // the kernel's own, of an address
  EXPECT_TRUE(absl::IsNotFound(belongings_of({"shop/web-1", netns, "fb0"}).status()));
  EXPECT_TRUE(absl::IsNotFound(belongings_of({"shop/web-1", netns, "eth9"}).status()));
  EXPECT_TRUE(absl::IsNotFound(belongings_of({"shop/web-1", "/run/netns/nobody", "eth0"}).status()));
  EXPECT_TRUE(is_open({"", netns, ""}, "eth0", *MacAddress::parse("02:00:00:00:01:01")));
  EXPECT_FALSE(is_open({"", netns, ""}, "eth0", *MacAddress::parse("02:00:00:00:01:02")));
  EXPECT_FALSE(is_open({"", netns, ""}, "fb0", *MacAddress::parse("02:00:00:00:01:01")));
}

TEST_F(IpLines, TheLineThatFailsIsNamed) {
  const std::string netns = made("a");
  EXPECT_EQ(ip_lines(netns, "link set eth0 mtu 1400\nlink set eth9 up\n").message(),
            "link set eth9 up: there is no device eth9");
  EXPECT_THAT(std::string(ip_lines(netns, "route replace 10.8.0.0/16 via 10.200.0.1 dev eth0").message()),
              ::testing::StartsWith("route replace 10.8.0.0/16 via 10.200.0.1 dev eth0: the kernel refuses"));
  for (const char* line : {"link set eth0 colour red", "addr replace 10.1.0.300/24 dev eth0", "tunnel add x",
                           "route replace 10.0.0.0/40 dev eth0", "addr replace 10.1.0.3/24 on eth0",
                           "route replace 10.0.0.0/8 dev", "link set eth0"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ip_lines(netns, line))) << line;
  }
  EXPECT_FALSE(ip_lines("/run/netns/nobody", "link set eth0 up").ok());
}

}  // namespace
}  // namespace outrigger::host
