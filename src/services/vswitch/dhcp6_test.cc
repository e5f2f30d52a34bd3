// DHCPv6 as a client sees it: RFC 8415 §16 (what is discarded), §18.3 (what is answered, and how).
#include "services/vswitch/dhcp6.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/bytes.h"
#include "services/vswitch/test_world.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Step;

constexpr uint8_t kSolicit = 1, kAdvertise = 2, kRequest = 3, kConfirm = 4, kRenew = 5, kRebind = 6,
                  kReply = 7, kRelease = 8, kDecline = 9, kInformation = 11;
constexpr size_t kMessage = 14 + 40 + 8;
const Bytes kServer = {0, 3, 0, 1, 2, 0, 0, 0, 0, 0xfe};
const Bytes kClient = {0, 1, 0, 1, 9, 9, 9, 9, 2, 0, 0, 0, 1, 1};
const char* const kOwn = "fe80::ff:fe00:101";

Bytes option(uint16_t code, const Bytes& value) {
  Bytes out(4 + value.size());
  store_be16(&out[0], code);
  store_be16(&out[2], static_cast<uint16_t>(value.size()));
  for (size_t i = 0; i < value.size(); ++i) out[4 + i] = value[i];
  return out;
}
Bytes join(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
Bytes client_id() { return option(1, kClient); }
Bytes server_id() { return option(2, kServer); }
Bytes claimed(const char* address) {
  Bytes value(24);
  ip(address).store_v6(value.data());
  return option(5, value);
}
Bytes ia_na(const Bytes& inside = {}) {
  return option(3, join({{0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0}, inside}));
}

Bytes message(uint8_t type, const std::vector<Bytes>& options, const char* to = "ff02::1:2") {
  const bool group = ip(to).is_multicast();
  return make([&](Builder& b) {
    b.ethernet(group ? MacAddress{{0x33, 0x33, 0, 1, 0, 2}} : kGatewayMac, kWeb)
        .ip(ip(kOwn), ip(to), 1)
        .udp(546, 547)
        .payload(join({{type, 0xab, 0xcd, 0xef}, join(options)}));
  });
}

using Options = std::multimap<uint16_t, Bytes>;

Options split(std::span<const uint8_t> bytes) {
  Options options;
  while (bytes.size() >= 4) {
    const size_t length = load_be16(&bytes[2]);
    EXPECT_LE(4 + length, bytes.size());
    if (4 + length > bytes.size()) break;
    options.emplace(load_be16(bytes.data()),
                    Bytes(bytes.begin() + 4, bytes.begin() + 4 + static_cast<ptrdiff_t>(length)));
    bytes = bytes.subspan(4 + length);
  }
  EXPECT_TRUE(bytes.empty());
  return options;
}

struct Reply {
  uint8_t type = 0;  // 0: none
  Options options;
  [[nodiscard]] Bytes one(uint16_t code) const {
    EXPECT_EQ(options.count(code), 1u) << code;
    return options.count(code) == 0 ? Bytes{} : options.find(code)->second;
  }
};

Reply ask(const Bytes& frame) {
  EXPECT_EQ(decided(kWebPort, kNoTunnel, frame).step, Step::respond());
  const Answer answer = answered(kWebPort, kNoTunnel, frame);
  if (answer.frame.empty()) return {};
  EXPECT_EQ(answer.info.kind, packet::Kind::kFlow);
  EXPECT_EQ(answer.info.source(), ip("fe80::ff:fe00:fe"));
  EXPECT_EQ(answer.info.source_port(), 547);
  EXPECT_EQ(answer.info.destination(), ip(kOwn));
  EXPECT_EQ(answer.info.destination_port(), 546);
  EXPECT_EQ(MacAddress::load(&answer.frame[0]), kWeb);
  const auto dhcp = std::span(answer.frame).subspan(kMessage);
  EXPECT_EQ(load_be32(dhcp.data()) & 0xffffff, 0xabcdefu);
  Reply reply{dhcp[0], split(dhcp.subspan(4))};
  EXPECT_EQ(reply.one(2), kServer);
  return reply;
}

Bytes lifetimes(const char* address, uint32_t preferred, uint32_t valid) {
  Bytes value(24);
  ip(address).store_v6(value.data());
  store_be32(&value[16], preferred);
  store_be32(&value[20], valid);
  return value;
}

// The IA_NA of a reply: IAID and times, then its options.
Options inside(const Bytes& ia) {
  EXPECT_GE(ia.size(), 12u);
  EXPECT_EQ(load_be32(ia.data()), 9u);
  return split(std::span(ia).subspan(12));
}

TEST(Dhcp6, GivesTheEndpointItsAddress) {
  struct {
    const char* name;
    Bytes frame;
    uint8_t type;
  } const rows[] = {
      {"solicit", message(kSolicit, {client_id(), ia_na()}), kAdvertise},
      {"request", message(kRequest, {client_id(), server_id(), ia_na(claimed("fd00:1::11"))}), kReply},
      {"renew", message(kRenew, {client_id(), server_id(), ia_na(claimed("fd00:1::11"))}), kReply},
      {"rebind", message(kRebind, {client_id(), ia_na(claimed("fd00:1::11"))}), kReply},
  };
  for (const auto& row : rows) {
    const Reply reply = ask(row.frame);
    ASSERT_EQ(reply.type, row.type) << row.name;
    EXPECT_EQ(reply.one(1), kClient) << row.name;
    const Bytes ia = reply.one(3);
    EXPECT_EQ(load_be32(&ia[4]), 21600u) << row.name;
    EXPECT_EQ(load_be32(&ia[8]), 34560u) << row.name;
    const Options expected = {{5, lifetimes("fd00:1::11", 43200, 86400)}};
    EXPECT_EQ(inside(ia), expected) << row.name;
    Bytes dns(16);
    ip("fd00:1::53").store_v6(dns.data());
    EXPECT_EQ(reply.one(23), dns) << row.name;
    EXPECT_EQ(reply.options.count(14), 0u) << row.name;
  }
}

TEST(Dhcp6, CommitsRapidlyWhenAsked) {
  const Reply reply = ask(message(kSolicit, {client_id(), option(14, {}), ia_na()}));
  EXPECT_EQ(reply.type, kReply);
  EXPECT_EQ(reply.one(14), Bytes{});
  EXPECT_EQ(inside(reply.one(3)).count(5), 1u);
}

TEST(Dhcp6, TakesBackWhatIsNotTheirs) {
  const Reply reply = ask(message(kRenew, {client_id(), server_id(), ia_na(claimed("fd00:1::99"))}));
  const Options expected = {{5, lifetimes("fd00:1::11", 43200, 86400)}, {5, lifetimes("fd00:1::99", 0, 0)}};
  EXPECT_EQ(inside(reply.one(3)), expected);
}

TEST(Dhcp6, HasNoPrefixesNorSecondAddresses) {
  const Bytes prefixes = option(25, {0, 0, 0, 9, 1, 1, 1, 1, 2, 2, 2, 2});
  const Reply reply = ask(message(kSolicit, {client_id(), ia_na(), ia_na(), prefixes}));
  EXPECT_EQ(reply.options.count(3), 2u);
  const Options no_address = {{13, {0, 2}}}, no_prefix = {{13, {0, 6}}};
  EXPECT_EQ(inside(std::prev(reply.options.upper_bound(3))->second), no_address);
  EXPECT_EQ(inside(reply.one(25)), no_prefix);
  EXPECT_EQ(load_be32(&reply.one(25)[4]), 0u);
}

TEST(Dhcp6, ConfirmsWhatIsOnTheLink) {
  EXPECT_EQ(ask(message(kConfirm, {client_id(), ia_na(claimed("fd00:1::11"))})).one(13), (Bytes{0, 0}));
  EXPECT_EQ(ask(message(kConfirm, {client_id(), ia_na(claimed("fd00:9::11"))})).one(13), (Bytes{0, 4}));
  EXPECT_EQ(ask(message(kConfirm, {client_id(), ia_na()})).type, 0);
}

TEST(Dhcp6, LetsGo) {
  for (const uint8_t type : {kRelease, kDecline}) {
    const Reply reply = ask(message(type, {client_id(), server_id(), ia_na(claimed("fd00:1::11"))}));
    EXPECT_EQ(reply.type, kReply);
    EXPECT_EQ(reply.one(13), (Bytes{0, 0}));
  }
}

TEST(Dhcp6, InformsAlsoTheNameless) {
  const Reply reply = ask(message(kInformation, {}));
  EXPECT_EQ(reply.type, kReply);
  EXPECT_EQ(reply.options.count(1), 0u);
  EXPECT_EQ(reply.one(23).size(), 16u);
  EXPECT_EQ(reply.options.count(3), 0u);
}

TEST(Dhcp6, UnicastIsNotOffered) {
  EXPECT_EQ(ask(message(kRenew, {client_id(), server_id(), ia_na()}, "fe80::ff:fe00:fe")).one(13),
            (Bytes{0, 5}));
  EXPECT_EQ(ask(message(kSolicit, {client_id(), ia_na()}, "fe80::ff:fe00:fe")).type, 0);
}

TEST(Dhcp6, DiscardsWhatBreaksTheRules) {
  const Bytes other = option(2, {0, 3, 0, 1, 2, 0, 0, 0, 0, 0xfd});
  EXPECT_EQ(ask(message(kSolicit, {ia_na()})).type, 0) << "no client";
  EXPECT_EQ(ask(message(kSolicit, {client_id(), server_id(), ia_na()})).type, 0) << "names a server";
  EXPECT_EQ(ask(message(kRequest, {client_id(), ia_na()})).type, 0) << "no server";
  EXPECT_EQ(ask(message(kRequest, {client_id(), other, ia_na()})).type, 0) << "another server";
  EXPECT_EQ(ask(message(kRebind, {client_id(), server_id(), ia_na()})).type, 0) << "names a server";
  EXPECT_EQ(ask(message(kInformation, {ia_na()})).type, 0) << "asks for addresses";
  EXPECT_EQ(ask(message(kReply, {client_id()})).type, 0) << "a server's";
  EXPECT_EQ(ask(message(kSolicit, {client_id(), {0, 3, 0, 200, 1}})).type, 0) << "overrun";
  EXPECT_EQ(ask(message(kSolicit, {client_id(), {0, 3}})).type, 0) << "cut";
  EXPECT_EQ(ask(message(kSolicit, {option(1, Bytes(131, 1)), ia_na()})).type, 0) << "long DUID";
}

TEST(Dhcp6, AnswersFitTheLeastMtuHoweverMuchIsAsked) {
  std::vector<Bytes> options = {client_id()};
  for (int i = 0; i < 80; ++i) options.push_back(ia_na());
  const Answer answer = answered(kWebPort, kNoTunnel, message(kSolicit, options));
  EXPECT_LE(answer.frame.size(), 14u + 1280);
  EXPECT_GT(split(std::span(answer.frame).subspan(kMessage + 4)).count(3), 20u);
}

}  // namespace
}  // namespace outrigger::vswitch::test
