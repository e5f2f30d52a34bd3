#include "dpu/supervise/split_engine.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpu/supervise/split_supervisor.h"
#include "dpu/test_folder.h"
#include "gmock/gmock.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

struct Heard : Events {
  void record(Event event) override { all.push_back(std::move(event)); }
  [[nodiscard]] bool has(Kind kind, Phase phase) const {
    return std::any_of(all.begin(), all.end(),
                       [&](const Event& one) { return one.kind == kind && one.phase == phase; });
  }
  // Of each change of engines, in the record of it.
  [[nodiscard]] std::vector<std::string> blackouts(Kind kind) const {
    std::vector<std::string> found;
    for (const Event& one : all) {
      const auto told = one.evidence.find("blackout_ms");
      if (one.kind == kind && told != one.evidence.end()) found.push_back(told->second);
    }
    return found;
  }
  std::vector<Event> all;
};

// A node of fakes: programs, folders, the desired state.
class SplitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.programs = {FAKE_PORTS, folder_.file("engines"), folder_.file("run"), {}, {}};
    options_.start_timeout = absl::Seconds(3);
    install("1.0.0", "ok");
  }
  void TearDown() override { end_all(); }

  void install(const std::string& version, const std::string& behaviour) {
    const std::string path = engine_path(options_.programs, version);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "#!/bin/sh\nexec " << FAKE_ENGINE << " --version " << version << " --behaviour "
                        << behaviour << " \"$@\"\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  void start() {
    agent_.reset();
    auto started = SplitEngine::start(options_, &heard_, [this] { return desired_; });
    ASSERT_TRUE(started.ok()) << started.status();
    agent_ = *std::move(started);
  }
  bool until(const std::function<bool()>& done) {
    for (int i = 0; i < 400; ++i) {
      agent_->tend();
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  // An active engine and a standby, both with what is desired.
  bool settled() {
    return until([&] {
      return agent_->active() != nullptr && agent_->standby() != nullptr &&
             agent_->current(*agent_->active()) && agent_->current(*agent_->standby());
    });
  }
  void want(uint64_t generation) {
    engine::v1::Update update;
    update.set_generation(generation);
    update.set_digest(generation * 7);
    update.mutable_structure();
    update.mutable_policy()->set_replace(true);
    whole_ = update.SerializeAsString();
    desired_ = Desired{Generation(generation), generation * 7, [this] {
                         ++built_;
                         return whole_;
                       }};
  }
  std::vector<pid_t> pids() {
    std::vector<pid_t> all;
    for (const EngineView& view : agent_->views()) {
      if (view.pid != 0) all.push_back(view.pid);
    }
    return all;
  }
  void end_all() {
    if (agent_ == nullptr) return;
    const pid_t ports = agent_->ports_view().pid;
    std::vector<pid_t> all = pids();
    all.push_back(ports);
    agent_.reset();
    for (const pid_t pid : all) {
      if (pid > 0) kill(pid, SIGKILL);
    }
  }
  std::string state_of(const std::string& version) {
    for (const EngineView& view : agent_->views()) {
      if (view.version == version) return view.state;
    }
    return "absent";
  }
  SplitSupervisor supervisor() {
    return SplitSupervisor(
        [this](const auto& act) {
          agent_->tend();
          act(*agent_);
        },
        &heard_,
        {[this] { return fallback_; }, [this](const std::string& version) { remembered_ = version; }});
  }

  TestFolder folder_;
  SplitOptions options_;
  Heard heard_;
  std::optional<Desired> desired_ = Desired{Generation(0), 0, nullptr};
  std::string whole_;
  std::string remembered_;
  int built_ = 0;
  bool fallback_ = false;
  std::unique_ptr<SplitEngine> agent_;
};

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

TEST_F(SplitTest, AnUpgradeLeavesTheOldVersionAsStandbyAndRollbackIsASwap) {
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

TEST_F(SplitTest, ADifferenceThatIsNotMeantUndoesTheUpgrade) {
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

TEST_F(SplitTest, WhatCannotBeUsedIsRefusedBeforeAnythingStarts) {
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

TEST_F(SplitTest, TwoUpgradesAtOnceTheSecondIsToldWhoRunsTheFirst) {
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
