// Stage by stage, and through restarts of the agent.
#include "dpu/rollout/rollouts_fixture.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

TEST_F(RolloutsTest, GoesThroughEveryStageAndIsKept) {
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(until("complete"), "complete");
  EXPECT_EQ(states(), (std::vector<std::string>{"planned", "preflight", "shadow", "settle", "complete"}));
  EXPECT_EQ(version(), "2");
  const auto rollout = rollouts_->latest("policy");
  EXPECT_EQ(rollout->transitions(0).actor(), "ann");
  EXPECT_EQ(rollout->transitions(3).evidence(), "10 compared");
  EXPECT_EQ(rollout->good_versions(0), "2");
  EXPECT_EQ(rollout->good_versions(1), "1");
}

TEST_F(RolloutsTest, APreflightThatFailsChangesNothing) {
  preflight_ = absl::FailedPreconditionError("another layout");
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(until("aborted"), "aborted");
  const v1::Rollout now = *rollouts_->latest("policy");
  EXPECT_THAT(now.transitions(2).reason(), HasSubstr("another layout"));
  EXPECT_EQ(version(), "1");
}

TEST_F(RolloutsTest, HealthThatLeavesReadyBringsTheOldVersionBack) {
  for (const Health bad : {Health::kDegraded, Health::kFailed}) {
    board_.set(Health::kReady);
    ASSERT_TRUE(start(60).ok());
    EXPECT_EQ(until("settle"), "settle");
    board_.set(bad);
    EXPECT_EQ(until("rolled_back"), "rolled_back");
    EXPECT_EQ(version(), "1");
  }
}

TEST_F(RolloutsTest, WhenTheWayBackFailsTooItIsAFallback) {
  go_back_ = absl::InternalError("gone");
  board_.set(Health::kFailed);
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(until("fallback"), "fallback");
}

TEST_F(RolloutsTest, OnlyWhatDidNotHoldIsAnIncident) {
  const auto last = [this] {
    const std::lock_guard lock(mutex_);
    return severities_.back();
  };
  board_.set(Health::kFailed);
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(until("rolled_back"), "rolled_back");
  EXPECT_EQ(last(), Severity::kError);
  board_.set(Health::kReady);
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("settle"), "settle");
  EXPECT_TRUE(say("abort").ok());
  EXPECT_EQ(until("rolled_back"), "rolled_back");
  EXPECT_EQ(last(), Severity::kWarning);
}

TEST_F(RolloutsTest, NoDataHoldsAndNeverPasses) {
  board_.set(Health::kUnknown);
  ASSERT_TRUE(start(0).ok());
  EXPECT_EQ(until("hold"), "hold");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(until("hold"), "hold");
  board_.set(Health::kReady);
  EXPECT_EQ(until("complete"), "complete");
}

TEST_F(RolloutsTest, AWordTooOldIsNoData) {
  board_.set(Health::kReady, absl::Minutes(5));
  ASSERT_TRUE(start(0).ok());
  EXPECT_EQ(until("hold"), "hold");
}

// A failover to the old version is faster than any probe.
TEST_F(RolloutsTest, AVersionThatDidNotStayInForceIsNotKept) {
  ASSERT_TRUE(start(0.5).ok());
  EXPECT_EQ(until("settle"), "settle");
  set_version("1");
  EXPECT_EQ(until("rolled_back"), "rolled_back");
  EXPECT_THAT(rollouts_->latest("policy")->good_versions(), ::testing::ElementsAre("1"));
}

TEST_F(RolloutsTest, HealthFromBeforeTheChangeKeepsNothing) {
  board_.set(Health::kReady, absl::Seconds(10));
  ASSERT_TRUE(start(0).ok());
  EXPECT_EQ(until("settle"), "settle");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(rollouts_->latest("policy")->state(), "settle");
  board_.set(Health::kReady);
  EXPECT_EQ(until("complete"), "complete");
}

// The agent is stopped in a shadow of days: it does not wait for its end, and the next one says what became
// of it.
TEST_F(RolloutsTest, TheAgentsEndEndsAShadow) {
  shadows_ = true;
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("shadow"), "shadow");
  restart();
  EXPECT_EQ(rollouts_->latest("policy")->state(), "aborted");
  EXPECT_EQ(version(), "1");
}

TEST_F(RolloutsTest, ARestartInSettleWatchesAgainAndHistoryStays) {
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("settle"), "settle");
  board_.set(Health::kUnknown);
  EXPECT_EQ(until("hold"), "hold");
  restart();
  EXPECT_EQ(until("hold"), "hold");  // by way of settle
  EXPECT_THAT(states(),
              ::testing::ElementsAre("planned", "preflight", "shadow", "settle", "hold", "settle", "hold"));
  board_.set(Health::kFailed);
  EXPECT_EQ(until("rolled_back"), "rolled_back");
}

// The record says shadow, the old version is in force: the agent died before the swap.
TEST_F(RolloutsTest, ARestartBeforeTheChangeAborts) {
  rollouts_.reset();
  stored_["rollout"]["ro-7"] =
      R"({"id": "ro-7", "service": "policy", "from": "1", "to": "2", "state": "shadow"})";
  restart();
  const auto now = rollouts_->latest("policy");
  EXPECT_EQ(now->state(), "aborted");
  EXPECT_THAT(now->transitions(0).reason(), HasSubstr("restarted"));
  EXPECT_EQ(start(0)->id(), "ro-8");  // nothing is in the way of the next
}

}  // namespace
}  // namespace outrigger::agent
