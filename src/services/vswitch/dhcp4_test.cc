// DHCPv4 as a client sees it: RFC 2131 §4.3 case by case, RFC 2132 byte by byte.
#include "services/vswitch/dhcp4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/bytes.h"
#include "services/vswitch/test_world.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Step;
using testing::ElementsAre;

constexpr uint8_t kDiscover = 1, kOffer = 2, kRequest = 3, kDecline = 4, kAck = 5, kNak = 6, kRelease = 7,
                  kInform = 8;
constexpr size_t kMessage = 14 + 20 + 8;
const char* const kNobody = "0.0.0.0";
const char* const kEverybody = "255.255.255.255";

using Options = std::map<uint8_t, Bytes>;

Bytes v4(const char* address) {
  Bytes wire(4);
  ip(address).store_v4(wire.data());
  return wire;
}

struct Client {
  PortId port = kWebPort;
  MacAddress mac = kWeb;
  const char* source = kNobody;
  const char* destination = kEverybody;
  const char* ciaddr = kNobody;
  const char* giaddr = kNobody;
  bool broadcast = false;

  [[nodiscard]] Bytes frame(uint8_t type, const Options& options, const Bytes& raw = {}) const {
    Bytes message(240);
    message[0] = message[1] = 1;
    message[2] = 6;
    store_be32(&message[4], 0xdeadbeef);
    if (broadcast) message[10] = 0x80;
    ip(ciaddr).store_v4(&message[12]);
    ip(giaddr).store_v4(&message[24]);
    mac.store(&message[28]);
    store_be32(&message[236], 0x63825363);
    message.insert(message.end(), {53, 1, type});
    for (const auto& [code, value] : options) {
      message.push_back(code);
      message.push_back(static_cast<uint8_t>(value.size()));
      message.insert(message.end(), value.begin(), value.end());
    }
    message.insert(message.end(), raw.begin(), raw.end());
    if (raw.empty()) message.push_back(255);
    const bool unicast = ip(destination) != ip(kEverybody);
    return make([&](Builder& b) {
      b.ethernet(unicast ? kGatewayMac : MacAddress::broadcast(), mac)
          .ip(ip(source), ip(destination))
          .udp(68, 67)
          .payload(message);
    });
  }
};

Options options_of(const Answer& answer) {
  Options options;
  size_t at = kMessage + 240;
  while (at < answer.frame.size() && answer.frame[at] != 255) {
    const uint8_t length = answer.frame[at + 1];
    const auto value = answer.frame.begin() + static_cast<ptrdiff_t>(at + 2);
    EXPECT_TRUE(options.emplace(answer.frame[at], Bytes(value, value + length)).second) << "twice";
    at += 2u + length;
  }
  EXPECT_LT(at, answer.frame.size()) << "no end option";
  return options;
}

Answer ask(const Client& client, uint8_t type, const Options& options = {}) {
  const Bytes frame = client.frame(type, options);
  EXPECT_EQ(decided(client.port, kNoTunnel, frame).step, Step::respond());
  return answered(client.port, kNoTunnel, frame);
}

IpAddress your_address(const Answer& answer) { return IpAddress::load_v4(&answer.frame[kMessage + 16]); }

TEST(Dhcp4, OffersTheAddressWithEverythingAHostNeeds) {
  const Answer answer = ask({}, kDiscover, {{61, {1, 2, 0, 0, 0, 1, 1}}});
  ASSERT_EQ(answer.info.kind, packet::Kind::kFlow);
  EXPECT_EQ(answer.info.source(), ip("10.1.0.1"));
  EXPECT_EQ(answer.info.source_port(), 67);
  EXPECT_EQ(answer.info.destination(), ip("10.1.0.11"));
  EXPECT_EQ(answer.info.destination_port(), 68);
  EXPECT_EQ(MacAddress::load(&answer.frame[0]), kWeb);
  EXPECT_EQ(MacAddress::load(&answer.frame[6]), kGatewayMac);
  const uint8_t* bootp = &answer.frame[kMessage];
  EXPECT_THAT(std::vector<uint8_t>(bootp, bootp + 4), ElementsAre(2, 1, 6, 0));
  EXPECT_EQ(load_be32(bootp + 4), 0xdeadbeefu);
  EXPECT_EQ(load_be32(bootp + 8), 0u);
  EXPECT_EQ(your_address(answer), ip("10.1.0.11"));
  EXPECT_EQ(MacAddress::load(bootp + 28), kWeb);
  const Options expected = {
      {1, {255, 255, 255, 0}},
      {3, v4("10.1.0.1")},
      {6, v4("10.1.0.53")},
      {12, {'w', 'e', 'b', '-', '1'}},
      {26, {0x05, 0xaa}},
      {28, v4("10.1.0.255")},
      {51, {0, 1, 0x51, 0x80}},
      {53, {kOffer}},
      {54, v4("10.1.0.1")},
      {58, {0, 0, 0xa8, 0xc0}},
      {59, {0, 1, 0x27, 0x50}},
      {61, {1, 2, 0, 0, 0, 1, 1}},
      {121, {0, 10, 1, 0, 1, 24, 10, 1, 1, 10, 1, 0, 1}},
  };
  EXPECT_EQ(options_of(answer), expected);
}

TEST(Dhcp4, OneSubnetNeedsNoRoutes) {
  const Options options = options_of(ask({.port = kRedPort, .mac = kRed1}, kDiscover));
  EXPECT_FALSE(options.contains(121));
  EXPECT_FALSE(options.contains(6));
}

TEST(Dhcp4, BroadcastsToAClientThatCannotTakeUnicast) {
  const Answer answer = ask({.broadcast = true}, kDiscover);
  EXPECT_EQ(answer.info.destination(), ip(kEverybody));
  EXPECT_EQ(MacAddress::load(&answer.frame[0]), MacAddress::broadcast());
  EXPECT_EQ(answer.frame[kMessage + 10], 0x80);
}

TEST(Dhcp4, AnswersARequestByItsState) {
  const Client fresh, renewing{.source = "10.1.0.11", .destination = "10.1.0.1", .ciaddr = "10.1.0.11"},
      rebinding{.source = "10.1.0.11", .ciaddr = "10.1.0.11"}, stale{.ciaddr = "10.1.0.99"};
  const Options ours = {{50, v4("10.1.0.11")}, {54, v4("10.1.0.1")}};
  struct {
    const char* name;
    Client client;
    Options options;
    uint8_t answer;  // 0: none
    const char* to;
  } const rows[] = {
      {"selecting us", fresh, ours, kAck, "10.1.0.11"},
      {"selecting another server", fresh, {{50, v4("10.1.0.11")}, {54, v4("10.1.0.2")}}, 0, ""},
      {"selecting what it has not", fresh, {{50, v4("10.1.0.99")}, {54, v4("10.1.0.1")}}, kNak, kEverybody},
      {"rebooting", fresh, {{50, v4("10.1.0.11")}}, kAck, "10.1.0.11"},
      {"rebooting elsewhere", fresh, {{50, v4("192.168.1.7")}}, kNak, kEverybody},
      {"renewing", renewing, {}, kAck, "10.1.0.11"},
      {"rebinding", rebinding, {}, kAck, "10.1.0.11"},
      {"renewing another's", stale, {}, kNak, kEverybody},
      {"asking for nothing", fresh, {}, 0, ""},
  };
  for (const auto& row : rows) {
    const Answer answer = ask(row.client, kRequest, row.options);
    if (row.answer == 0) {
      EXPECT_TRUE(answer.frame.empty()) << row.name;
      continue;
    }
    ASSERT_FALSE(answer.frame.empty()) << row.name;
    const Options options = options_of(answer);
    EXPECT_EQ(options.at(53), Bytes{row.answer}) << row.name;
    EXPECT_EQ(options.at(54), v4("10.1.0.1")) << row.name;
    EXPECT_EQ(answer.info.destination(), ip(row.to)) << row.name;
    EXPECT_EQ(options.contains(51), row.answer == kAck) << row.name;
    EXPECT_EQ(your_address(answer), ip(row.answer == kAck ? "10.1.0.11" : kNobody)) << row.name;
  }
}

TEST(Dhcp4, InformsWithoutALease) {
  const Answer answer = ask({.source = "10.1.0.11", .ciaddr = "10.1.0.11"}, kInform);
  const Options options = options_of(answer);
  EXPECT_EQ(options.at(53), Bytes{kAck});
  EXPECT_EQ(options.at(3), v4("10.1.0.1"));
  EXPECT_FALSE(options.contains(51));
  EXPECT_EQ(your_address(answer), ip(kNobody));
  EXPECT_EQ(answer.info.destination(), ip("10.1.0.11"));
}

// RFC 2131 §4.1 would have the answer sent to ciaddr: only when that is the endpoint's.
TEST(Dhcp4, SendsNothingToAddressesAClientMakesUp) {
  EXPECT_EQ(ask({.ciaddr = "0.0.0.16"}, kDiscover).info.destination(), ip("10.1.0.11"));
  EXPECT_TRUE(ask({.ciaddr = "10.1.0.17"}, kInform).frame.empty());
}

TEST(Dhcp4, SaysNothingToTheRest) {
  EXPECT_TRUE(ask({}, kRelease).frame.empty());
  EXPECT_TRUE(ask({}, kDecline).frame.empty());
  EXPECT_TRUE(ask({}, kAck).frame.empty());
  EXPECT_TRUE(ask({.giaddr = "10.9.9.9"}, kDiscover).frame.empty()) << "relayed";
}

TEST(Dhcp4, MalformedMessagesGetNoAnswer) {
  const Client client;
  const Bytes whole = client.frame(kDiscover, {});
  EXPECT_FALSE(answered(kWebPort, kNoTunnel, whole).frame.empty());
  EXPECT_TRUE(answered(kWebPort, kNoTunnel, client.frame(kDiscover, {}, {12, 200, 'x'})).frame.empty())
      << "overrun";
  EXPECT_TRUE(answered(kWebPort, kNoTunnel, client.frame(kDiscover, {}, {12})).frame.empty()) << "cut";
  Bytes cookie = whole;
  cookie[kMessage + 236] ^= 1;
  EXPECT_TRUE(answered(kWebPort, kNoTunnel, cookie).frame.empty()) << "no DHCP cookie";
  Bytes hardware = whole;
  hardware[kMessage + 1] = 6;
  EXPECT_TRUE(answered(kWebPort, kNoTunnel, hardware).frame.empty()) << "not Ethernet";
}

// RFC 2132 §9.3: options may continue in the file field.
TEST(Dhcp4, ReadsOverloadedFields) {
  Bytes frame = Client{}.frame(0, {{52, {1}}});
  const Bytes type = {53, 1, kDiscover, 255};
  std::copy(type.begin(), type.end(), frame.begin() + kMessage + 108);
  const Answer answer = answered(kWebPort, kNoTunnel, frame);
  ASSERT_FALSE(answer.frame.empty());
  EXPECT_EQ(options_of(answer).at(53), Bytes{kOffer});
}

TEST(Dhcp4, LongClientIdsLeaveTheNecessaryOptionsAlone) {
  const Answer answer = ask({}, kDiscover, {{61, Bytes(255, 7)}});
  const Options options = options_of(answer);
  EXPECT_LE(answer.frame.size(), kMessage + 548);
  EXPECT_EQ(options.at(54), v4("10.1.0.1"));
  EXPECT_EQ(options.at(1), (Bytes{255, 255, 255, 0}));
}

}  // namespace
}  // namespace outrigger::vswitch::test
