#include "base/address.h"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

TEST(MacAddress, ParsesOnlySixHexPairs) {
  EXPECT_EQ(MacAddress::parse("02:00:00:0a:01:ff")->str(), "02:00:00:0a:01:ff");
  for (const char* bad :
       {"", "02:00:00:0a:01", "02-00-00-0a-01-ff", "02:00:00:0a:01:fg", "02:00:00:0a:01:ff "}) {
    EXPECT_FALSE(MacAddress::parse(bad)) << bad;
  }
}

TEST(IpAddress, OneFormForBothFamilies) {
  EXPECT_EQ(IpAddress::parse("10.1.2.3"), IpAddress::v4(0x0a010203));
  EXPECT_EQ(IpAddress::parse("10.1.2.3")->str(), "10.1.2.3");
  EXPECT_EQ(IpAddress::parse("fd00:1::11")->str(), "fd00:1::11");
  EXPECT_EQ(IpAddress::from_bytes(IpAddress::parse("fd00:1::11")->bytes()), IpAddress::parse("fd00:1::11"));
  EXPECT_FALSE(IpAddress::parse("10.1.2"));
  EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
}

TEST(IpPrefix, CountsFrom128AndContains) {
  const IpPrefix prefix = *IpPrefix::parse("10.1.2.3/24");
  EXPECT_EQ(prefix.length, 120);
  EXPECT_EQ(prefix.str(), "10.1.2.0/24");
  EXPECT_TRUE(prefix.contains(*IpAddress::parse("10.1.2.255")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("10.1.3.0")));
  EXPECT_TRUE(IpPrefix::parse("::/0")->contains(*IpAddress::parse("fd00::1")));
  EXPECT_EQ(IpPrefix::parse("0.0.0.0/0")->str(), "0.0.0.0/0");
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "fd00::/129", "x/8", "10.0.0.0/8x"}) {
    EXPECT_FALSE(IpPrefix::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace outrigger
