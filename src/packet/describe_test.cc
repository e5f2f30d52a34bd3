// Good packets are described in parser_test; here is what is left.
#include "packet/describe.h"

#include <gtest/gtest.h>

namespace outrigger::packet {
namespace {

TEST(Describe, NamesWhatIsWrong) {
  PacketInfo info;
  info.drop = Drop::kTcpFlags;
  EXPECT_EQ(describe(info), "malformed tcp_flags: a combination of TCP flags no stack sends");
}

TEST(Describe, ListsFlags) {
  PacketInfo info;
  info.kind = Kind::kFlow;
  info.key = {IpAddress::v4(1), IpAddress::v4(2), 3, 4, 7u << 8 | kTcp};
  info.reverse = true;
  info.tcp_flags = kSyn | kAck;
  info.ttl = 9;
  info.length = 54;
  EXPECT_EQ(describe(info), "tcp 0.0.0.2:4 > 0.0.0.1:3 [syn ack] vni 7 ttl 9 length 54");
}

}  // namespace
}  // namespace outrigger::packet
