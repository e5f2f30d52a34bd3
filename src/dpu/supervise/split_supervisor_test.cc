#include "dpu/supervise/split_supervisor.h"

#include "dpu/supervise/split_engine_fixture.h"

namespace outrigger::agent {
namespace {

class SupervisorTest : public SplitTest {
 protected:
  SplitSupervisor supervisor() {
    return SplitSupervisor(
        [this](const auto& act) {
          agent_->tend();
          act(*agent_);
        },
        &heard_,
        {[this] { return fallback_; }, [this](const std::string& version) { remembered_ = version; }});
  }

  std::string remembered_;
  bool fallback_ = false;
};

TEST_F(SupervisorTest, AnUpgradeLeavesTheOldVersionAsStandbyAndRollbackIsASwap) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  install("1.1.0", "ok");
  auto boss = supervisor();
  std::vector<std::string> steps;
  const auto status = boss.upgrade({"1.1.0", absl::Milliseconds(200), {}, false, "ann", ""},
                                   [&](const UpgradeStep& step) { steps.push_back(step.step); });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(agent_->active()->version, "1.1.0");
  EXPECT_EQ(agent_->standby()->version, "1.0.0");
  EXPECT_EQ(remembered_, "1.1.0");
  EXPECT_THAT(steps,
              ::testing::ElementsAre("preflight", "start", "build", "shadow", "shadow", "swap", "settle"));
  EXPECT_TRUE(until([&] { return heard_.blackouts(Kind::kSwap) == std::vector<std::string>{"0.042"}; }));
  ASSERT_TRUE(boss.rollback("ann", {}).ok());
  EXPECT_EQ(agent_->active()->version, "1.0.0");
  ASSERT_TRUE(until([&] { return state_of("1.1.0") == "installed"; }));  // not to take over at the next crash
}

TEST_F(SupervisorTest, ADifferenceThatIsNotMeantUndoesTheUpgrade) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  install("1.1.0", "differ");
  const pid_t active = agent_->active()->process.pid();
  auto boss = supervisor();
  const auto refused = boss.upgrade({"1.1.0", absl::Milliseconds(300), {}, false, "ann", ""}, {});
  EXPECT_THAT(std::string(refused.message()), HasSubstr("forward -> drop policy_ingress"));
  EXPECT_EQ(agent_->active()->process.pid(), active);
  ASSERT_TRUE(until([&] { return state_of("1.1.0") == "installed"; }));
  EXPECT_TRUE(
      boss.upgrade({"1.1.0", absl::Milliseconds(300), {"forward -> drop policy_ingress"}, false, "ann", ""},
                   {})
          .ok());
}

TEST_F(SupervisorTest, WhatCannotBeUsedIsRefusedBeforeAnythingStarts) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  install("3.0.0", "other-layout");
  auto boss = supervisor();
  const auto said = [&](const std::string& to) {
    const absl::Status status = boss.preflight({to, {}, {}, false, "ann", ""});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << to;
    return std::string(status.message());
  };
  EXPECT_THAT(said("9.9.9"), HasSubstr("missing"));
  EXPECT_THAT(said("1.0.0"), HasSubstr("active already"));
  EXPECT_THAT(said("3.0.0"), HasSubstr("layout 99"));
  EXPECT_TRUE(boss.preflight({"3.0.0", {}, {}, true, "ann", ""}).ok());
  std::filesystem::permissions(engine_path(options_.programs, "3.0.0"), std::filesystem::perms::owner_read);
  if (geteuid() == 0)
    std::filesystem::permissions(engine_path(options_.programs, "3.0.0"), std::filesystem::perms::none);
  EXPECT_THAT(said("3.0.0"), HasSubstr("not executable"));
  fallback_ = true;
  EXPECT_THAT(said("1.0.0"), HasSubstr("fallback is in force"));
}

TEST_F(SupervisorTest, TwoUpgradesAtOnceTheSecondIsToldWhoRunsTheFirst) {
  want(1);
  start();
  ASSERT_TRUE(settled());
  install("1.1.0", "ok");
  auto boss = supervisor();
  absl::Status second;
  const auto first =
      boss.upgrade({"1.1.0", absl::ZeroDuration(), {}, false, "ann", ""}, [&](const UpgradeStep& step) {
        if (step.step == "start") second = boss.upgrade({"1.1.0", {}, {}, false, "bob", ""}, {});
      });
  EXPECT_TRUE(first.ok()) << first;
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("to 1.1.0 by ann"));
}

}  // namespace
}  // namespace outrigger::agent
