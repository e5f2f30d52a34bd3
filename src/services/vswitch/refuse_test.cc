// The errors and resets a refused packet is answered with, and the packets that must not be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "services/vswitch/test_world.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Step;
using Error = Step::Error;
using testing::ElementsAreArray;

Bytes long_udp(const char* source, const char* destination, size_t size) {
  return make([&](Builder& b) {
    b.ethernet(kGatewayMac, kWeb).ip(ip(source), ip(destination)).udp(1, 2).zeros(size);
  });
}

TEST(Refuse, EveryErrorInBothFamilies) {
  struct {
    Error error;
    uint8_t type4, code4, type6, code6;
    uint32_t rest;
  } const rows[] = {
      {Error::kTimeExceeded, 11, 0, 3, 0, 0},   {Error::kNoRoute, 3, 0, 1, 0, 0},
      {Error::kHostUnreachable, 3, 1, 1, 3, 0}, {Error::kProhibited, 3, 13, 1, 1, 0},
      {Error::kPortUnreachable, 3, 3, 1, 4, 0}, {Error::kTooBig, 3, 4, 2, 0, 1400},
  };
  const Bytes v4 = udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12"),
              v6 = udp(kGatewayMac, kWeb, "fd00:1::11", "fd00:2::12");
  for (const auto& row : rows) {
    const Answer in4 = refused(kWebPort, kNoTunnel, v4, row.error, 1400);
    ASSERT_EQ(in4.info.kind, packet::Kind::kIcmpError);
    EXPECT_EQ(in4.l4()[0], row.type4);
    EXPECT_EQ(in4.l4()[1], row.code4);
    EXPECT_EQ(load_be32(&in4.l4()[4]), row.rest);
    EXPECT_EQ(IpAddress::load_v4(&in4.frame[26]), ip("10.1.0.1"));
    EXPECT_EQ(IpAddress::load_v4(&in4.frame[30]), ip("10.1.0.11"));
    EXPECT_THAT(in4.l4().subspan(8), ElementsAreArray(std::span(v4).subspan(14)));
    const Answer in6 = refused(kWebPort, kNoTunnel, v6, row.error, 1400);
    ASSERT_EQ(in6.info.kind, packet::Kind::kIcmpError);
    EXPECT_EQ(in6.l4()[0], row.type6);
    EXPECT_EQ(in6.l4()[1], row.code6);
    EXPECT_EQ(load_be32(&in6.l4()[4]), row.rest);
    EXPECT_EQ(IpAddress::load_v6(&in6.frame[22]), ip("fd00:1::1"));
    EXPECT_THAT(in6.l4().subspan(8), ElementsAreArray(std::span(v6).subspan(14)));
    EXPECT_EQ(MacAddress::load(&in6.frame[0]), kWeb);
    EXPECT_EQ(MacAddress::load(&in6.frame[6]), kGatewayMac);
  }
  EXPECT_TRUE(refused(kWebPort, kNoTunnel, v4, Error::kNone).frame.empty());
}

TEST(Refuse, QuotesAsMuchAsFits) {
  const Answer v4 = refused(kWebPort, kNoTunnel, long_udp("10.1.0.11", "10.1.1.12", 1400), Error::kNoRoute);
  EXPECT_EQ(v4.frame.size(), 14u + 576);
  const Answer v6 = refused(kWebPort, kNoTunnel, long_udp("fd00:1::11", "fd00:2::12", 1400), Error::kNoRoute);
  EXPECT_EQ(v6.frame.size(), 14u + 1280);
}

TEST(Refuse, PaddingIsNotQuoted) {
  Bytes padded = udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12");
  const size_t length = padded.size();
  padded.resize(length + 30, 0xee);
  EXPECT_EQ(refused(kWebPort, kNoTunnel, padded, Error::kNoRoute).frame.size(), 14 + 28 + length - 14);
}

TEST(Refuse, FromTheGatewayOfTheSendersSubnet) {
  const auto source_of = [](const Answer& answer) { return IpAddress::load_v4(&answer.frame[26]); };
  const Bytes db = udp(kGatewayMac, kDb, "10.1.1.12", "10.9.9.9");
  EXPECT_EQ(source_of(refused(kDbPort, kNoTunnel, db, Error::kNoRoute)), ip("10.1.1.1"));
  const Bytes behind = udp(kGatewayMac, kRouter, "172.16.0.9", "10.9.9.9");
  EXPECT_EQ(source_of(refused(kRouterPort, kNoTunnel, behind, Error::kNoRoute)), ip("10.1.0.1"));
  const Bytes local = udp(kCache, kWeb, "fe80::ff:fe00:101", "fe80::9");
  EXPECT_EQ(IpAddress::load_v6(&refused(kWebPort, kNoTunnel, local, Error::kProhibited).frame[22]),
            ip("fe80::ff:fe00:fe"));
}

TEST(Refuse, ThroughTheTunnelItCameBy) {
  const Bytes routed_there = udp(kWeb, kGatewayMac, "10.1.1.22", "10.1.0.11");
  const Answer answer = refused(kUplink, kFromDpu, routed_there, Error::kProhibited);
  ASSERT_EQ(answer.info.kind, packet::Kind::kIcmpError);
  EXPECT_EQ(MacAddress::load(&answer.frame[0]), kFarDb);
  EXPECT_EQ(MacAddress::load(&answer.frame[6]), kGatewayMac);
  EXPECT_EQ(IpAddress::load_v4(&answer.frame[26]), ip("10.1.1.1"));
}

TEST(Refuse, SomePacketsMustNotBe) {
  const Bytes inner = udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12");
  const auto frame = [](const auto& fill) {
    return make([&](Builder& b) {
      b.ethernet(kGatewayMac, kWeb);
      fill(b);
    });
  };
  struct {
    const char* name;
    Bytes frame;
  } const rows[] = {
      {"an error", frame([&](Builder& b) {
         b.ip(ip("10.1.0.13"), ip("10.1.0.11")).icmp(3, 1).payload(std::span(inner).subspan(14));
       })},
      {"a later fragment", frame([](Builder& b) {
         b.ip(ip("10.1.0.11"), ip("10.1.1.12")).fragment(7, 1480, false).protocol(17).zeros(64);
       })},
      {"to a multicast", udp(kGatewayMac, kWeb, "10.1.0.11", "224.0.0.9")},
      {"to a broadcast", udp(kGatewayMac, kWeb, "10.1.0.11", "255.255.255.255")},
      {"in a group frame", udp(MacAddress::broadcast(), kWeb, "10.1.0.11", "10.1.0.17")},
      {"from nobody", udp(MacAddress::broadcast(), kWeb, "0.0.0.0", "255.255.255.255", 64, 68, 67)},
      {"spoofed", udp(kGatewayMac, kWeb, "10.1.0.17", "10.1.1.12")},
      {"a reset",
       frame([](Builder& b) { b.ip(ip("10.1.0.11"), ip("10.1.1.12")).tcp(9, 80, packet::kRst, 5); })},
  };
  for (const auto& row : rows) {
    EXPECT_TRUE(refused(kWebPort, kNoTunnel, row.frame, Error::kProhibited).frame.empty()) << row.name;
  }
  EXPECT_TRUE(
      refused(kUplink, kNoTunnel, udp(kUnderlayMac, kFabricMac, "192.0.2.9", "192.0.2.1"), Error::kProhibited)
          .frame.empty());
}

Bytes tcp(const char* source, const char* destination, uint8_t flags, uint32_t seq, uint32_t ack,
          size_t payload) {
  return make([&](Builder& b) {
    b.ethernet(kGatewayMac, kWeb)
        .ip(ip(source), ip(destination))
        .tcp(4000, 80, flags, seq, ack)
        .zeros(payload);
  });
}

// RFC 9293 §3.10.7.1.
TEST(Refuse, TcpIsReset) {
  struct {
    const char* name;
    uint8_t flags;
    size_t payload;
    uint32_t seq, ack;
    uint8_t answer;
  } const rows[] = {
      {"SYN", packet::kSyn, 0, 0, 1001, packet::kRst | packet::kAck},
      {"data acknowledged", packet::kAck | packet::kPsh, 10, 777, 0, packet::kRst},
      {"FIN", packet::kFin | packet::kAck, 0, 777, 0, packet::kRst},
      {"SYN with data", packet::kSyn, 5, 0, 1006, packet::kRst | packet::kAck},
  };
  for (const auto& row : rows) {
    for (const bool v4 : {true, false}) {
      const Bytes frame = v4 ? tcp("10.1.0.11", "10.1.1.12", row.flags, 1000, 777, row.payload)
                             : tcp("fd00:1::11", "fd00:2::12", row.flags, 1000, 777, row.payload);
      const Answer answer = refused(kWebPort, kNoTunnel, frame, Error::kProhibited);
      ASSERT_EQ(answer.info.kind, packet::Kind::kFlow) << row.name;
      EXPECT_EQ(answer.info.tcp_flags, row.answer) << row.name;
      EXPECT_EQ(load_be32(&answer.l4()[4]), row.seq) << row.name;
      EXPECT_EQ(load_be32(&answer.l4()[8]), row.ack) << row.name;
      EXPECT_EQ(answer.info.source(), ip(v4 ? "10.1.1.12" : "fd00:2::12")) << row.name;
      EXPECT_EQ(answer.info.source_port(), 80) << row.name;
      EXPECT_EQ(answer.info.destination_port(), 4000) << row.name;
      EXPECT_EQ(MacAddress::load(&answer.frame[0]), kWeb) << row.name;
      EXPECT_EQ(MacAddress::load(&answer.frame[6]), kGatewayMac) << row.name;
    }
  }
  EXPECT_EQ(
      refused(kWebPort, kNoTunnel, tcp("10.1.0.11", "10.1.1.12", packet::kSyn, 1, 0, 0), Error::kNoRoute)
          .info.kind,
      packet::Kind::kIcmpError);
}

}  // namespace
}  // namespace outrigger::vswitch::test
