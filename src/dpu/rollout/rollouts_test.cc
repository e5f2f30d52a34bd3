#include "dpu/rollout/rollouts.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "gmock/gmock.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

class Board : public HealthBoard {
 public:
  [[nodiscard]] std::vector<ServiceState> all() const override { return {of("policy")}; }
  [[nodiscard]] ServiceState of(const std::string& service) const override {
    const std::lock_guard lock(mutex_);
    ServiceState state;
    state.service = service;
    state.health = health_;
    state.last_probe = absl::Now() - age_;
    return state;
  }
  uint64_t watch(std::function<void(const ServiceState&)>) override { return 0; }
  void forget(uint64_t) override {}
  void set(Health health, absl::Duration age = absl::ZeroDuration()) {
    const std::lock_guard lock(mutex_);
    health_ = health;
    age_ = age;
  }

 private:
  mutable std::mutex mutex_;
  Health health_ = Health::kReady;
  absl::Duration age_;
};

// A service that changes by assignment, and a memory that outlives the rollouts.
class RolloutsTest : public ::testing::Test, public Events {
 protected:
  void restart() {
    rollouts_.reset();
    RolloutMemory memory{[this](const auto& topic, const auto& name, const auto& text) {
                           const std::lock_guard lock(mutex_);
                           stored_[topic][name] = text;
                           return absl::OkStatus();
                         },
                         [this](const auto& topic) -> absl::StatusOr<std::map<std::string, std::string>> {
                           const std::lock_guard lock(mutex_);
                           return stored_[topic];
                         }};
    rollouts_ = std::make_unique<Rollouts>(memory, &board_, this,
                                           RolloutTimes{absl::Milliseconds(5), absl::Seconds(30)});
    Changer changer;
    changer.group = "engine";
    changer.version = [this] { return version(); };
    changer.preflight = [this](const RolloutOrder&) { return preflight_; };
    changer.change = [this](const RolloutOrder& order) -> absl::StatusOr<std::string> {
      if (!change_.ok()) return change_;
      while (shadows_ && !order.aborted()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (order.aborted()) return absl::CancelledError("aborted by word");
      while (order.held()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      set_version(order.to);
      return std::string("10 compared");
    };
    changer.go_back = [this](const std::string& to, const std::string&) {
      if (go_back_.ok()) set_version(to);
      return go_back_;
    };
    for (const char* service : {"policy", "overlay"}) rollouts_->offer(service, changer);
    ASSERT_TRUE(rollouts_->recover().ok());
  }
  void SetUp() override { restart(); }
  void TearDown() override { rollouts_.reset(); }
  void record(Event event) override {
    const std::lock_guard lock(mutex_);
    severities_.push_back(event.severity);
  }

  std::string version() {
    const std::lock_guard lock(mutex_);
    return version_;
  }
  void set_version(const std::string& to) {
    const std::lock_guard lock(mutex_);
    version_ = to;
  }
  absl::StatusOr<v1::Rollout> start(double settle = 0.05) {
    v1::StartRolloutRequest request;
    request.set_service("policy");
    request.set_to("2");
    request.set_settle_seconds(settle);
    return rollouts_->start(request, "ann");
  }
  absl::StatusOr<v1::Rollout> say(const std::string& verb, const std::string& etag = "") {
    v1::ChangeRolloutRequest request;
    request.set_service("policy");
    request.set_verb(verb);
    request.set_etag(etag);
    return rollouts_->change(request, "bob");
  }
  std::string until(const std::string& state) {
    for (int i = 0; i < 500; ++i) {
      const auto now = rollouts_->latest("policy");
      if (now.ok() && now->state() == state) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return rollouts_->latest("policy")->state();
  }
  std::vector<std::string> states() {
    std::vector<std::string> all;
    const v1::Rollout now = *rollouts_->latest("policy");
    for (const auto& one : now.transitions()) all.push_back(one.state());
    return all;
  }

  std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> stored_;
  std::vector<Severity> severities_;
  std::string version_ = "1";
  absl::Status preflight_, change_, go_back_;
  std::atomic<bool> shadows_{false};  // until it is aborted
  Board board_;
  std::unique_ptr<Rollouts> rollouts_;
};

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
