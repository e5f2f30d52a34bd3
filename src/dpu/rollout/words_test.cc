// What is said to a rollout, and what it answers.
#include "dpu/rollout/rollouts_fixture.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

TEST_F(RolloutsTest, WordsFromOutside) {
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("settle"), "settle");
  EXPECT_EQ(start().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(say("promote", "ro-1-2").status().code(), absl::StatusCode::kAborted);  // seen as it was no more
  EXPECT_TRUE(say("pause")->paused());
  EXPECT_FALSE(say("resume")->paused());
  EXPECT_EQ(say("promote", rollouts_->latest("policy")->etag())->state(), "complete");
  EXPECT_EQ(say("abort").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(say("undo")->state(), "rolled_back");
  EXPECT_EQ(version(), "1");
  EXPECT_EQ(say("dance").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RolloutsTest, AWordCanBeCheckedWithoutBeingSaid) {
  const auto checked = [this](const std::string& verb, const std::string& etag = "") {
    v1::ChangeRolloutRequest request;
    request.set_service("policy");
    request.set_verb(verb);
    request.set_etag(etag);
    request.set_validate_only(true);
    return rollouts_->change(request, "bob");
  };
  EXPECT_TRUE(absl::IsNotFound(checked("undo").status()));
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("settle"), "settle");
  for (const char* verb : {"pause", "resume", "promote", "abort", "undo"}) {
    const auto shown = checked(verb);
    ASSERT_TRUE(shown.ok()) << shown.status();
    EXPECT_EQ(shown->SerializeAsString(), rollouts_->latest("policy")->SerializeAsString());
  }
  EXPECT_EQ(rollouts_->latest("policy")->transitions_size(), 4);
  EXPECT_TRUE(absl::IsInvalidArgument(checked("dance").status()));
  const auto stale = checked("abort", "ro-1-2");
  EXPECT_TRUE(absl::IsAborted(stale.status()));
  EXPECT_THAT(std::string(stale.status().message()), HasSubstr("its etag is ro-1-4, not ro-1-2"));
  EXPECT_EQ(say("promote")->state(), "complete");
  EXPECT_TRUE(absl::IsFailedPrecondition(checked("promote").status()));
  EXPECT_TRUE(checked("undo").ok());
  EXPECT_EQ(version(), "2");
  go_back_ = absl::InternalError("gone");  // only who does it is told
  EXPECT_TRUE(checked("undo").ok());
  v1::StartRolloutRequest other;
  other.set_service("overlay");
  other.set_to("3");
  other.set_settle_seconds(60);
  ASSERT_TRUE(rollouts_->start(other, "ann").ok());
  EXPECT_THAT(std::string(checked("undo").status().message()), HasSubstr("ro-2 of overlay"));
}

TEST_F(RolloutsTest, AnAbortInSettleBringsTheOldVersionBack) {
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("settle"), "settle");
  EXPECT_EQ(say("abort")->state(), "rolled_back");
  EXPECT_EQ(version(), "1");
}

TEST_F(RolloutsTest, AnAbortInShadowTakesEffectAtOnce) {
  shadows_ = true;
  ASSERT_TRUE(start(60).ok());
  EXPECT_EQ(until("shadow"), "shadow");
  EXPECT_EQ(say("promote").status().code(), absl::StatusCode::kFailedPrecondition);
  const auto aborted = say("abort");
  ASSERT_TRUE(aborted.ok()) << aborted.status();
  EXPECT_EQ(aborted->state(), "rolled_back");
  EXPECT_EQ(aborted->transitions(3).actor(), "bob");
  EXPECT_THAT(aborted->transitions(3).evidence(), HasSubstr("1 has stayed in force"));
  EXPECT_EQ(version(), "1");
}

TEST_F(RolloutsTest, APauseInShadowPutsNothingInForce) {
  shadows_ = true;
  ASSERT_TRUE(start(0).ok());
  EXPECT_EQ(until("shadow"), "shadow");
  EXPECT_TRUE(say("pause")->paused());
  EXPECT_EQ(say("abort")->state(), "rolled_back");
  shadows_ = false;
  ASSERT_TRUE(start(0).ok());
  EXPECT_EQ(until("complete"), "complete");
}

TEST_F(RolloutsTest, TheSameRequestAfterARestartIsAnsweredAlike) {
  v1::StartRolloutRequest request;
  request.set_service("policy");
  request.set_to("2");
  request.set_request_id("r1");
  const auto first = rollouts_->start(request, "ann");
  EXPECT_EQ(until("complete"), "complete");
  restart();
  const auto second = rollouts_->start(request, "ann");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
  request.set_to("3");
  EXPECT_EQ(rollouts_->start(request, "ann").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rollouts_->list("", 0).size(), 1u);
}

TEST_F(RolloutsTest, AnEtagIsGoodAfterARestart) {
  ASSERT_TRUE(start(0).ok());
  EXPECT_EQ(until("complete"), "complete");
  const std::string etag = rollouts_->latest("policy")->etag();
  restart();
  EXPECT_EQ(say("undo", "ro-1-2").status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(say("undo", etag)->state(), "rolled_back");
}

TEST_F(RolloutsTest, ServicesOfOneEngineAreRolledOutOneAtATime) {
  ASSERT_TRUE(start(60).ok());
  v1::StartRolloutRequest other;
  other.set_service("overlay");
  other.set_to("3");
  EXPECT_THAT(std::string(rollouts_->start(other, "bob").status().message()), HasSubstr("ro-1 of policy"));
}

TEST_F(RolloutsTest, TheSameRequestTwiceIsDoneOnce) {
  v1::StartRolloutRequest request;
  request.set_service("policy");
  request.set_to("2");
  request.set_request_id("r1");
  const auto first = rollouts_->start(request, "ann");
  const auto second = rollouts_->start(request, "ann");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->id(), second->id());
  EXPECT_EQ(rollouts_->list("", 0).size(), 1u);
}

TEST_F(RolloutsTest, ValidateOnlyLeavesNothingBehind) {
  v1::StartRolloutRequest request;
  request.set_service("policy");
  request.set_to("2");
  request.set_validate_only(true);
  EXPECT_TRUE(rollouts_->start(request, "ann").ok());
  preflight_ = absl::FailedPreconditionError("barred");
  EXPECT_FALSE(rollouts_->start(request, "ann").ok());
  EXPECT_TRUE(rollouts_->list("", 0).empty());
  EXPECT_EQ(version(), "1");
}

}  // namespace
}  // namespace outrigger::agent
