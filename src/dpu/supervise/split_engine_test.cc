#include "dpu/supervise/split_engine.h"

#include "absl/strings/numbers.h"
#include "dpu/supervise/split_engine_fixture.h"

namespace outrigger::agent {
namespace {

TEST_F(SplitTest, StartsPortsAnActiveEngineAndAStandby) {
  want(3);
  start();
  ASSERT_TRUE(settled());
  EXPECT_EQ(agent_->views().size(), 2u);
  EXPECT_EQ(agent_->views()[0].generation, Generation(3));
  EXPECT_EQ(agent_->ports_view().version, "fake");
}

TEST_F(SplitTest, ARestartedAgentFindsEverythingAndAppliesNothingAgain) {
  want(3);
  start();
  ASSERT_TRUE(settled());
  const std::vector<pid_t> before = pids();
  built_ = 0;
  start();
  ASSERT_TRUE(settled());
  EXPECT_EQ(pids(), before);
  EXPECT_TRUE(agent_->apply(whole_).ok());
  EXPECT_EQ(built_, 0);
  EXPECT_EQ(agent_->views()[0].generation, Generation(3));
}

TEST_F(SplitTest, AStandbyTakesOverAndAnotherIsStarted) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  const pid_t dead = agent_->active()->process.pid();
  const pid_t heir = agent_->standby()->process.pid();
  kill(dead, SIGKILL);
  ASSERT_TRUE(until([&] { return agent_->active() != nullptr && agent_->active()->process.pid() == heir; }));
  ASSERT_TRUE(settled());
  EXPECT_TRUE(heard_.has(Kind::kEngineCrash, Phase::kBegin));
  EXPECT_TRUE(heard_.has(Kind::kEngineCrash, Phase::kAct));
  ASSERT_TRUE(until([&] { return heard_.has(Kind::kEngineCrash, Phase::kEnd); }));
  const std::vector<std::string> blackouts = heard_.blackouts(Kind::kEngineCrash);
  ASSERT_EQ(blackouts.size(), 1u);
  double ms = 0;
  ASSERT_TRUE(absl::SimpleAtod(blackouts[0], &ms)) << blackouts[0];
  EXPECT_GT(ms, 0);
  EXPECT_LT(ms, 10'000);
}

TEST_F(SplitTest, AVersionThatFailsAgainAndAgainIsBarredAndTheOtherUsed) {
  install("0.9.0", "ok");
  want(1);
  start();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(settled());
    ASSERT_EQ(agent_->active()->version, "1.0.0");
    kill(agent_->active()->process.pid(), SIGKILL);
    const pid_t dead = agent_->active()->process.pid();
    ASSERT_TRUE(
        until([&] { return agent_->active() != nullptr && agent_->active()->process.pid() != dead; }));
  }
  ASSERT_TRUE(settled());
  EXPECT_THAT(agent_->versions().why("1.0.0"), HasSubstr("3 failures within"));
  EXPECT_EQ(agent_->standby()->version, "0.9.0");
}

// Ports may tell of a death after we have seen it ourselves: it is one failure, not two.
TEST_F(SplitTest, ADeathToldLateIsCountedOnce) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  const pid_t ports = agent_->ports_view().pid, dead = agent_->active()->process.pid();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // without a look at it
  kill(ports, SIGSTOP);
  kill(dead, SIGKILL);
  std::thread later([ports] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(ports, SIGCONT);
  });
  agent_->tend();
  later.join();
  EXPECT_EQ(agent_->versions().failures("1.0.0", steady_time()), 1u) << "seen by ourselves";
  ASSERT_TRUE(until([&] { return heard_.has(Kind::kEngineCrash, Phase::kAct); })) << "told by ports";
  EXPECT_EQ(agent_->versions().failures("1.0.0", steady_time()), 1u);
  const std::vector<std::string> blackouts = heard_.blackouts(Kind::kEngineCrash);
  ASSERT_EQ(blackouts.size(), 1u);
  double ms = 0;
  ASSERT_TRUE(absl::SimpleAtod(blackouts[0], &ms)) << blackouts[0];
  EXPECT_LT(ms, 100) << "by the time ports told, not by ours";
}

TEST_F(SplitTest, AVersionThatDoesNotStartIsUnusableWithItsLastWords) {
  install("2.0.0", "crash");
  want(1);
  start();
  ASSERT_TRUE(settled());
  EXPECT_EQ(agent_->active()->version, "1.0.0");
  EXPECT_EQ(state_of("2.0.0"), "unusable");
  EXPECT_THAT(agent_->versions().why("2.0.0"), HasSubstr("cannot find my tables"));
}

TEST_F(SplitTest, AVersionThatHangsInStartIsUnusable) {
  install("2.0.0", "hang");
  options_.start_timeout = absl::Milliseconds(300);
  want(1);
  start();
  ASSERT_TRUE(settled());
  EXPECT_EQ(agent_->active()->version, "1.0.0");
  EXPECT_THAT(agent_->versions().why("2.0.0"), HasSubstr("hangs"));
}

TEST_F(SplitTest, WhenWhatStartedBeforeHangsInItsStartPortsIsReplaced) {
  options_.start_timeout = absl::Milliseconds(300);
  want(1);
  start();
  ASSERT_TRUE(settled());
  const pid_t ports = agent_->ports_view().pid;
  install("1.0.0", "hang");
  kill(agent_->standby()->process.pid(), SIGKILL);
  ASSERT_TRUE(until([&] { return agent_->ports_view().pid != ports; }));
  install("1.0.0", "ok");
  EXPECT_TRUE(settled());
}

TEST_F(SplitTest, WhatDiedIsToldWithTheTimeItTookToFindOut) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  kill(agent_->active()->process.pid(), SIGKILL);
  ASSERT_TRUE(until([&] { return heard_.has(Kind::kEngineCrash, Phase::kBegin); }));
  ASSERT_TRUE(settled());
  kill(agent_->ports_view().pid, SIGKILL);
  ASSERT_TRUE(until([&] { return heard_.has(Kind::kPortsCrash, Phase::kBegin); }));
  for (const Event& one : heard_.all) {
    if (one.phase != Phase::kBegin) continue;
    EXPECT_GE(one.time, one.first_sign) << one.message;
    EXPECT_LT(one.time - one.first_sign, absl::Seconds(10)) << one.message;
  }
}

TEST_F(SplitTest, PortsDiesAndItsSuccessorGetsWhatWasKept) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  const pid_t ports = agent_->ports_view().pid;
  const std::vector<pid_t> before = pids();
  kill(ports, SIGKILL);
  ASSERT_TRUE(
      until([&] { return agent_->ports_view().pid != ports && agent_->ports_view().state == "active"; }));
  ASSERT_TRUE(settled());
  ASSERT_TRUE(until([&] { return heard_.has(Kind::kPortsCrash, Phase::kEnd); }));
  ASSERT_TRUE(until([&] { return pids().size() == 2; }));
  for (const pid_t pid : before) EXPECT_THAT(pids(), ::testing::Not(::testing::Contains(pid)));
}

}  // namespace
}  // namespace outrigger::agent
