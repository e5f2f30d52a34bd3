#include "compiler/flow.h"

#include <gtest/gtest.h>

namespace outrigger::compiler {
namespace {

TEST(Flow, ReadsNamesAddressesAndProtocols) {
  EXPECT_EQ(*parse_flow("shop/a,shop/b,tcp,80"), (FlowSpec{"shop/a", "shop/b", 6, 80}));
  EXPECT_EQ(*parse_flow(" shop/a , fd00::1 , UDP , 53 "), (FlowSpec{"shop/a", "fd00::1", 17, 53}));
  EXPECT_EQ(*parse_flow("10.0.0.1,shop/b,sctp,65535"), (FlowSpec{"10.0.0.1", "shop/b", 132, 65535}));
  EXPECT_EQ(*parse_flow("shop/a,shop/b,icmp"), (FlowSpec{"shop/a", "shop/b", 1, 0}));
  EXPECT_EQ(*parse_flow("shop/a,shop/b,icmp,0"), (FlowSpec{"shop/a", "shop/b", 1, 0}));
  EXPECT_EQ(*parse_flow("shop/a,shop/b,icmpv6"), (FlowSpec{"shop/a", "shop/b", 58, 0}));
  EXPECT_EQ(*parse_flow("shop/a,shop/b,47"), (FlowSpec{"shop/a", "shop/b", 47, 0}));
}

TEST(Flow, RefusesTheRest) {
  for (const char* bad :
       {"", "a", "shop/a,shop/b", "shop/a,shop/b,tcp", "shop/a,shop/b,tcp,0", "shop/a,shop/b,tcp,65536",
        "shop/a,shop/b,tcp,http", "shop/a,shop/b,tcp,-1", "shop/a,shop/b,tcp,80,81", "web,shop/b,tcp,80",
        "a/b/c,shop/b,tcp,80", "/a,shop/b,tcp,80", "10.0.0,shop/b,tcp,80", "shop/a,shop/b,igmpx,0",
        "shop/a,shop/b,256", "shop/a,shop/b,0", "shop/a,shop/b,icmp,8"}) {
    EXPECT_FALSE(parse_flow(bad).ok()) << bad;
  }
}

TEST(Flow, AFileHasCommentsAndItsErrorsHaveALine) {
  const auto flows = parse_flows("# all\n\na/b,c/d,tcp,1\r\n  a/b,c/d,udp,2 # why\n", "flows.txt");
  ASSERT_TRUE(flows.ok()) << flows.status();
  EXPECT_EQ(*flows, (std::vector<FlowSpec>{{"a/b", "c/d", 6, 1}, {"a/b", "c/d", 17, 2}}));
  EXPECT_EQ(parse_flows("a/b,c/d,tcp,1\n\na/b,c/d,tcp,x\n", "flows.txt").status().message(),
            "flows.txt:3: flow \"a/b,c/d,tcp,x\": port \"x\" is not 0 to 65535");
}

TEST(Flow, NamesProtocols) {
  EXPECT_EQ(protocol_name(6), "tcp");
  EXPECT_EQ(protocol_name(58), "icmp");
  EXPECT_EQ(protocol_name(47), "47");
}

}  // namespace
}  // namespace outrigger::compiler
