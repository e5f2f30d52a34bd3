#include "host/gateway_probe.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "host/netns_rig.h"

namespace outrigger::host {
namespace {

const MacAddress kMac = *MacAddress::parse("02:00:00:00:01:01");

TEST(GatewayProbe, OneIsAskedByTheFirstAddressThatHasOne) {
  NetworkWorld network;
  network.subnets.push_back({*IpPrefix::parse("10.1.0.0/24"), *IpAddress::parse("10.1.0.1")});
  Place place{.mac = kMac, .addresses = {*IpAddress::parse("10.9.0.3"), *IpAddress::parse("10.1.0.11")}};
  EXPECT_FALSE(question_of(network, place)) << "it is somebody else's endpoint";
  place.local = true;
  ASSERT_TRUE(question_of(network, place));
  EXPECT_EQ(question_of(network, place)->address.str(), "10.1.0.11");
  EXPECT_EQ(question_of(network, place)->gateway.str(), "10.1.0.1");
  place.addresses.pop_back();
  EXPECT_FALSE(question_of(network, place));
}

TEST(GatewayProbe, AnythingElseIsNoAnswer) {
  const GatewayQuestion v4{kMac, *IpAddress::parse("10.1.0.11"), *IpAddress::parse("10.1.0.1")};
  const GatewayQuestion v6{kMac, *IpAddress::parse("fd00::11"), *IpAddress::parse("fd00::1")};
  for (const GatewayQuestion& one : {v4, v6}) {
    std::vector<uint8_t> frame = question_frame(one);
    EXPECT_FALSE(is_answer(one, frame)) << "our own question";
    for (size_t length = 0; length < frame.size(); ++length)
      EXPECT_FALSE(is_answer(one, std::span(frame).first(length)));
  }
}

// The kernel's own answers, as a gateway's.
class KernelGateway : public NetnsTest {
 protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(
        ip_batch("", absl::StrCat("netns add ", name("a"), "\nlink add gw0 type veth peer name eth0 netns ",
                                  name("a"), "\naddr add 10.1.0.1/24 dev gw0\n",
                                  "addr add fd00::1/64 dev gw0 nodad\nlink set gw0 up\n"))
            .ok());
    ASSERT_TRUE(ip_batch(netns(), "link set eth0 address 02:00:00:00:01:01\nlink set eth0 up\n").ok());
  }
  [[nodiscard]] std::string netns() const { return netns_path(name("a")); }
  [[nodiscard]] bool asked(const char* address, const char* gateway, const char* device = "eth0") const {
    return gateway_answers(netns(), device, {kMac, *IpAddress::parse(address), *IpAddress::parse(gateway)},
                           absl::Milliseconds(500));
  }
};

TEST_F(KernelGateway, IsHeardWhileItLives) {
  EXPECT_TRUE(asked("10.1.0.11", "10.1.0.1"));
  EXPECT_TRUE(asked("fd00::11", "fd00::1"));
  EXPECT_FALSE(asked("10.1.0.11", "10.1.0.2"));
  EXPECT_FALSE(asked("fd00::11", "fd00::2"));
  EXPECT_FALSE(asked("10.1.0.11", "10.1.0.1", "eth9"));
  ASSERT_TRUE(ip_batch("", "link set gw0 down\n").ok());
  EXPECT_FALSE(asked("10.1.0.11", "10.1.0.1"));
}

}  // namespace
}  // namespace outrigger::host
