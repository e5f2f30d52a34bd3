#include "host/intervals.h"

#include <gtest/gtest.h>

namespace outrigger::host {
namespace {

Interval of(const char* prefix) { return interval(*IpPrefix::parse(prefix)); }

TEST(Intervals, ABlockWithExceptionsBecomesWhatIsLeft) {
  EXPECT_EQ(text(minus({of("10.0.0.0/24")}, {of("10.0.0.0/25"), of("10.0.0.200")})),
            "10.0.0.128-10.0.0.199, 10.0.0.201-10.0.0.255");
  EXPECT_EQ(text(minus({of("10.0.0.0/24")}, {of("10.0.0.0/16")})), "");
  EXPECT_EQ(text(minus({of("10.0.0.0/24")}, {of("10.0.0.255")})), "10.0.0.0-10.0.0.254");
  EXPECT_EQ(text(minus({of("10.0.0.0/24")}, {})), "10.0.0.0-10.0.0.255");
  EXPECT_EQ(text(minus({of("10.0.0.0/31"), of("10.0.0.4")}, {of("10.0.0.1"), of("10.0.0.4")})), "10.0.0.0");
}

TEST(Intervals, TouchingOnesJoin) {
  EXPECT_EQ(text(merged({of("10.0.0.128/25"), of("10.0.0.0/25"), of("10.0.2.0/24"), of("10.0.2.7")})),
            "10.0.0.0-10.0.0.255, 10.0.2.0-10.0.2.255");
}

TEST(Intervals, FamiliesArePartedAtTheMappedRange) {
  const std::vector<Interval> all = {interval({IpAddress{}, 0})};
  EXPECT_EQ(text(of_family(all, true)), "0.0.0.0-255.255.255.255");
  ASSERT_EQ(of_family(all, false).size(), 2u);
  EXPECT_EQ(of_family(all, false)[0].last, (IpAddress{0, 0xfffe'ffff'ffff}));
  EXPECT_EQ(of_family(all, false)[1].first, (IpAddress{0, 0x1'0000'0000'0000}));
}

TEST(Intervals, NumbersForRawMatches) {
  EXPECT_EQ(raw_text({of("10.0.0.0/31"), of("fd00::1")}),
            "0x0a000000-0x0a000001, 0xfd000000000000000000000000000001");
}

}  // namespace
}  // namespace outrigger::host
