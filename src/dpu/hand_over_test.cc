#include "dpu/hand_over.h"

#include "gmock/gmock.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

class Recorder final : public Events {
 public:
  void record(Event) override {}
};

// A DPU where 0.2.0 stands ready, and a host that does what it is told when it is waited for.
class HandOverTest : public ::testing::Test {
 protected:
  HandOverTest()
      : desk_({.node = "host-a", .clock = [this] { return now_; }},
              {[] { return true; }, [] { return 7u; },
               [] { return absl::StatusOr<v1::SignedBundle>(v1::SignedBundle()); }, [](Yield) {}},
              events_) {
    Changer on_dpu{.group = "engine",
                   .version = [this] { return version_; },
                   .preflight = [](const RolloutOrder&) { return absl::OkStatus(); },
                   .change = [this](const RolloutOrder& order) -> absl::StatusOr<std::string> {
                     version_ = order.to;
                     return "swapped";
                   },
                   .go_back =
                       [this](const std::string& version, const std::string&) {
                         version_ = version;
                         return absl::OkStatus();
                       }};
    changer_ = handed_over(std::move(on_dpu), desk_,
                           {.limit = absl::Seconds(2),
                            .clock = [this] { return now_; },
                            .sleep = [this](absl::Duration by) { pass(by); }});
    host("dormant");
  }

  void host(const std::string& state) {
    v1::RenewRequest request;
    request.set_node("host-a");
    request.set_sequence(++sequence_);
    request.set_fallback_state(state);
    request.set_bundle_generation(7);
    const auto reply = desk_.renew(request);
    ASSERT_TRUE(reply.ok());
    state_ = state;
  }
  void pass(absl::Duration by) {
    now_ += by;
    const std::string order = desk_.state().order;
    if (obeys_ && !order.empty()) return host(order == "fall_back" ? "active" : "dormant");
    host(state_);
  }
  void let_the_host_carry() {
    ASSERT_TRUE(desk_.order_fall_back("test").ok());
    host("active");
    ASSERT_EQ(changer_.version(), "host");
  }
  static RolloutOrder to(const std::string& version) { return {.service = "policy", .to = version}; }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  Recorder events_;
  Desk desk_;
  Changer changer_;
  std::string version_ = "0.2.0", state_;
  uint64_t sequence_ = 0;
  bool obeys_ = true;
};

TEST_F(HandOverTest, WhileTheDpuCarriesItIsAChangeLikeAnyOther) {
  EXPECT_EQ(changer_.group, "engine");
  EXPECT_EQ(changer_.version(), "0.2.0");
  EXPECT_TRUE(changer_.preflight(to("0.3.0")).ok());
  EXPECT_EQ(*changer_.change(to("0.3.0")), "swapped");
  EXPECT_EQ(changer_.version(), "0.3.0");
}

TEST_F(HandOverTest, TheHostGivesItsWorkToWhatStandsReady) {
  let_the_host_carry();
  EXPECT_TRUE(changer_.preflight(to("0.2.0")).ok());
  EXPECT_EQ(desk_.state().order, "");  // checked only
  const auto done = changer_.change(to("0.2.0"));
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_THAT(*done, HasSubstr("gave the traffic to 0.2.0"));
  EXPECT_EQ(changer_.version(), "0.2.0");
}

TEST_F(HandOverTest, AndTakesItBackWhenItHasNotEarnedItsPlace) {
  let_the_host_carry();
  ASSERT_TRUE(changer_.change(to("0.2.0")).ok());
  EXPECT_TRUE(changer_.go_back("host", "gate").ok());
  EXPECT_EQ(changer_.version(), "host");
  EXPECT_TRUE(changer_.go_back("host", "gate").ok());  // it carries already
}

TEST_F(HandOverTest, OnlyToWhatStandsReady) {
  let_the_host_carry();
  EXPECT_THAT(std::string(changer_.preflight(to("0.3.0")).message()),
              HasSubstr("0.2.0 stands ready on the DPU, not 0.3.0"));
  EXPECT_THAT(std::string(changer_.preflight(to("host")).message()), HasSubstr("outrigger fallback order"));
}

TEST_F(HandOverTest, AHostThatDoesNotLetGoKeepsIt) {
  let_the_host_carry();
  obeys_ = false;
  const auto done = changer_.change(to("0.2.0"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(done.status())) << done.status();
  EXPECT_THAT(std::string(done.status().message()), HasSubstr("the host is active, not dormant"));
  EXPECT_EQ(changer_.version(), "host");
  EXPECT_NE(desk_.state().order, "return");
}

TEST_F(HandOverTest, NothingMovesWhileItIsPausedOrAborted) {
  let_the_host_carry();
  int looks = 0;
  RolloutOrder order = to("0.2.0");
  order.held = [&] { return ++looks < 5; };
  order.aborted = [&] { return looks == 3; };
  EXPECT_TRUE(absl::IsCancelled(changer_.change(order).status()));
  EXPECT_EQ(changer_.version(), "host");
  EXPECT_EQ(desk_.state().order, "");
}

}  // namespace
}  // namespace outrigger::agent
