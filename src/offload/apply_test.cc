#include "offload/apply.h"

#include "gmock/gmock.h"

namespace outrigger::offload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Two waves: bgpd, which the node knows by its name, and flowd, which it does not know; then ovs and felix,
// whose work the node's vswitch and policy do.
class ApplyTest : public ::testing::Test {
 protected:
  ApplyTest() {
    for (const auto& [name, task, unit] : {std::tuple("bgpd", "network_agent", ""),
                                           {"flowd", "network_agent", "flowd.service"},
                                           {"ovs", "virtual_switch", "ovs.service"},
                                           {"felix", "policy", ""}}) {
      Service service;
      service.name = name;
      service.task = task;
      service.unit = unit;
      service.contract.version = "2";
      inventory_.services.push_back(service);
    }
    plan_.host = "web-1";
    plan_.waves = {{1, {"bgpd", "flowd"}, ""}, {2, {"ovs", "felix"}, "scorecard of wave 1: pays"}};
    node_.services = {{"bgpd", "1"}, {"vswitch", "1"}, {"policy", "1"}};
  }
  absl::StatusOr<Turn> turn(std::optional<uint32_t> wave = {}) {
    return next_turn(plan_, inventory_, node_, wave);
  }
  std::string refused(std::optional<uint32_t> wave = {}) {
    return std::string(turn(wave).status().message());
  }
  void rolled_out(const std::string& service, const std::string& state, const std::string& reason = "") {
    node_.rollouts.insert(node_.rollouts.begin(), {"ro-" + std::to_string(node_.rollouts.size() + 1), service,
                                                   "2", state, reason, "why"});
    if (state != "complete") return;
    for (NodeService& one : node_.services) one.version = one.name == service ? "2" : one.version;
  }
  absl::StatusOr<std::string> begin(const std::optional<Paid>& paid = {}, const std::string& despite = "") {
    const auto now = turn();
    EXPECT_TRUE(now.ok()) << now.status();
    return may_begin(*now, plan_, node_, paid, despite);
  }
  std::string not_begun(const std::optional<Paid>& paid = {}) {
    return std::string(begin(paid).status().message());
  }

  Inventory inventory_;
  Plan plan_;
  NodeView node_;
};

// A rollout from "host" is the first move; that it was made once does not count when the host carries again.
TEST_F(ApplyTest, WhatTheHostCarriesIsNotDoneWhateverWasBefore) {
  rolled_out("bgpd", "complete");
  rolled_out("vswitch", "complete");
  rolled_out("policy", "complete");
  EXPECT_EQ(turn()->wave, 0u);
  node_.services = {{"bgpd", "2"}, {"vswitch", kByHost}, {"policy", kByHost}};
  const auto now = turn();
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->wave, 2u);
  EXPECT_EQ(now->steps[0].act, Act::kStart);
  EXPECT_EQ(now->steps[0].why, "vswitch from host to 2");
}

TEST_F(ApplyTest, TheFirstWaveStartsWhatTheNodeKnowsAndNamesTheRest) {
  const auto now = turn();
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->wave, 1u);
  ASSERT_EQ(now->steps.size(), 2u);
  EXPECT_EQ(now->steps[0].act, Act::kStart);
  EXPECT_EQ(now->steps[0].on_dpu, "bgpd");
  EXPECT_EQ(now->steps[0].to, "2");
  EXPECT_EQ(now->steps[1].act, Act::kByHand);
  EXPECT_THAT(now->steps[1].why, HasSubstr("bundle it as a sidecar"));
  EXPECT_EQ(now->steps[1].afterwards, "systemctl disable --now flowd.service");
  EXPECT_EQ(*begin(), "plan wave 1 of web-1; the first");
}

TEST_F(ApplyTest, AServiceIsDoneByWhatDoesItsTask) {
  rolled_out("bgpd", "complete");
  const auto now = turn();
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->wave, 2u);
  EXPECT_EQ(now->steps[0].on_dpu, "vswitch");
  EXPECT_EQ(now->steps[1].on_dpu, "policy");
  ASSERT_EQ(now->earlier.size(), 1u) << "flowd is not forgotten";
  EXPECT_EQ(now->earlier[0].service, "flowd");
}

// Its engine, which is vswitch's too, has another version by now.
TEST_F(ApplyTest, WhatWasDoneStaysDone) {
  rolled_out("bgpd", "complete");
  node_.services[0].version = "3";
  EXPECT_EQ(turn()->wave, 2u);
  node_.rollouts[0].state = "rolled_back";  // by an undo
  EXPECT_THAT(refused(), HasSubstr("wave 1 failed"));
}

TEST_F(ApplyTest, OneWaveIsInFlight) {
  for (const char* state : {"planned", "settle", "hold"}) {
    node_.rollouts.clear();
    rolled_out("bgpd", state);
    EXPECT_THAT(refused(), AllOf(HasSubstr("wave 1 is in flight"), HasSubstr(state)));
    EXPECT_THAT(refused(2), HasSubstr("in flight"));
  }
}

TEST_F(ApplyTest, NoWaveBeforeThoseBeforeIt) {
  EXPECT_THAT(refused(2), HasSubstr("wave 2 comes after wave 1, which is not done"));
  EXPECT_EQ(turn(3).status().code(), absl::StatusCode::kFailedPrecondition);
  rolled_out("bgpd", "complete");
  rolled_out("vswitch", "complete");
  rolled_out("policy", "complete");
  EXPECT_EQ(turn(3).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(turn()->wave, 0u) << "all done";
  EXPECT_EQ(turn(1)->steps[0].act, Act::kDone);
}

TEST_F(ApplyTest, WhatWentBackIsTriedAgainOnlyWhenAskedFor) {
  rolled_out("bgpd", "rolled_back");
  EXPECT_THAT(refused(), AllOf(HasSubstr("wave 1 failed"), HasSubstr("ro-1 was rolled_back: why"),
                               HasSubstr("--wave 1 tries it again")));
  EXPECT_EQ(turn(1)->steps[0].act, Act::kFailed);
  node_.rollouts[0].to = "1.9";  // another version did
  EXPECT_EQ(turn()->steps[0].act, Act::kStart);
}

TEST_F(ApplyTest, TheNextWaveWaitsForAScorecardThatPays) {
  rolled_out("bgpd", "complete");
  EXPECT_THAT(not_begun(), HasSubstr("wave 2 waits for the scorecard of wave 1"));
  EXPECT_THAT(not_begun(Paid{"inconclusive", "p99 -1 %, floor 3 %", "ab"}),
              AllOf(HasSubstr("says inconclusive: p99 -1 %"), HasSubstr("--despite")));
  EXPECT_THAT(not_begun(Paid{"does not pay", "p99 +9 %", "ab"}), HasSubstr("does not pay"));
  EXPECT_EQ(*begin(Paid{"pays", "p99 -20 %", "ab"}), "plan wave 2 of web-1; scorecard ab: pays (p99 -20 %)");
  EXPECT_EQ(*begin(Paid{"inconclusive", "", "ab"}, "we must"),
            "plan wave 2 of web-1; despite scorecard ab: inconclusive: we must");
  EXPECT_EQ(*begin({}, "we must"), "plan wave 2 of web-1; despite no scorecard: we must");
}

TEST_F(ApplyTest, AScorecardLetsOneWaveBegin) {
  rolled_out("bgpd", "complete", "plan wave 1 of web-1; scorecard ab: pays (x)");
  EXPECT_THAT(not_begun(Paid{"pays", "x", "ab"}), HasSubstr("let an earlier wave begin"));
  EXPECT_TRUE(begin(Paid{"pays", "x", "cd"}).ok());
}

TEST_F(ApplyTest, AWaveThatHasBegunGoesOnWithoutAnother) {
  rolled_out("bgpd", "complete");
  rolled_out("vswitch", "complete", *begin(Paid{"pays", "x", "ab"}));
  EXPECT_EQ(turn()->steps[1].act, Act::kStart);
  EXPECT_TRUE(begin().ok());
}

}  // namespace
}  // namespace outrigger::offload
