#include "dpu/secure/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace outrigger::secure {
namespace {

constexpr const char* kRenew = "/outrigger.v1.HostLink/Renew";
constexpr const char* kHostA = "spiffe://td/host/a";

class Heard : public agent::Events {
 public:
  void record(agent::Event event) override { events.push_back(std::move(event)); }
  std::vector<agent::Event> events;
};

class GateTest : public testing::Test {
 protected:
  Heard heard_;
  Gate link_{{Listener::kHostLink, "td", Rate{50, 100}}, &heard_};
  Gate management_{{Listener::kManagement, "td", std::nullopt}, &heard_};
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(GateTest, RefusalNamesRoleAndMethodAndIsAnEvent) {
  const absl::Status status =
      management_.judge("spiffe://td/viewer/eve", "/outrigger.v1.Engines/Upgrade", now_);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(testing::HasSubstr("viewer"), testing::HasSubstr("Upgrade"),
                             testing::HasSubstr("operator, fleet may")));
  EXPECT_EQ(heard_.events.at(0).first_sign, heard_.events.at(0).time);  // detected at once
  ASSERT_EQ(heard_.events.size(), 1u);
  EXPECT_EQ(heard_.events[0].kind, agent::Kind::kRefusedAccess);
  EXPECT_EQ(heard_.events[0].domain, Domain::kFleet);
}

TEST_F(GateTest, ARefusedHostIsTheHostsMatter) {
  EXPECT_FALSE(management_.judge(kHostA, "/outrigger.v1.Config/Get", now_).ok());
  ASSERT_EQ(heard_.events.size(), 1u);
  EXPECT_EQ(heard_.events[0].domain, Domain::kHost);
}

TEST_F(GateTest, EachListenerHasItsOwnMethods) {
  EXPECT_TRUE(link_.judge(kHostA, kRenew, now_).ok());
  EXPECT_FALSE(management_.judge(kHostA, kRenew, now_).ok());
  EXPECT_FALSE(link_.judge("spiffe://td/fleet/f", "/outrigger.v1.Config/Get", now_).ok());
}

TEST_F(GateTest, StrangersAreNobody) {
  for (const char* uri : {"", "spiffe://other/fleet/f", "spiffe://td/root/f", "spiffe://td/fleet/f/x"}) {
    EXPECT_EQ(management_.judge(uri, "/outrigger.v1.Config/Get", now_).code(),
              absl::StatusCode::kUnauthenticated)
        << uri;
  }
}

TEST_F(GateTest, AFloodIsHeldToTheRateAndToldOnce) {
  int passed = 0;
  for (int i = 0; i < 10'000; ++i) {  // a second of 10,000 calls
    passed += link_.judge(kHostA, kRenew, now_ + absl::Microseconds(100) * i).ok();
  }
  EXPECT_GE(passed, 148);
  EXPECT_LE(passed, 150);
  EXPECT_EQ(heard_.events.size(), 1u);
  EXPECT_TRUE(link_.judge("spiffe://td/host/b", kRenew, now_).ok());  // others are not held back
}

TEST_F(GateTest, RefusalsInARowAreOneEventWithACount) {
  const auto call = [this](absl::Duration after) {
    return management_.judge("spiffe://td/viewer/eve", "/outrigger.v1.Config/Apply", now_ + after);
  };
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(call(absl::Milliseconds(i)).ok());
  EXPECT_EQ(heard_.events.size(), 1u);
  EXPECT_FALSE(call(absl::Seconds(11)).ok());
  ASSERT_EQ(heard_.events.size(), 2u);
  EXPECT_EQ(heard_.events[1].evidence["not_told_since_the_last"], "999");
}

TEST_F(GateTest, InventedMethodsAreOneSubject) {
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(management_.judge("spiffe://td/fleet/f", "/x/" + std::string(1 + i, 'y'), now_).ok());
  EXPECT_EQ(heard_.events.size(), 1u);
}

}  // namespace
}  // namespace outrigger::secure
