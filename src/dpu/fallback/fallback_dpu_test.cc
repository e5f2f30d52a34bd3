#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "dpu/fallback/desk.h"
#include "dpu/fallback/drill.h"

namespace outrigger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Recorder final : public Events {
 public:
  void record(Event event) override { all.push_back(std::move(event)); }
  std::vector<Event> all;
};

class DeskTest : public ::testing::Test {
 protected:
  Desk::Settings settings() {
    Desk::Settings made;
    made.node = "host-a";
    made.clock = [this] { return now_; };
    return made;
  }
  Desk::Hooks hooks() {
    return {[this] { return healthy_; },
            [this] { return generation_; },
            [this] {
              ++made_;
              v1::SignedBundle bundle;
              bundle.set_key_id(absl::StrCat(made_));
              return absl::StatusOr<v1::SignedBundle>(bundle);
            },
            [this](Yield yield) { yields_.push_back(yield); },
            [this] { kept_ = desk_.standing(); },
            [this] { return may_carry_; }};
  }
  absl::StatusOr<v1::RenewReply> call(const std::string& state, uint64_t sequence = 0) {
    v1::RenewRequest request;
    request.set_node("host-a");
    request.set_sequence(sequence == 0 ? ++sequence_ : sequence);
    request.set_fallback_state(state);
    request.set_bundle_generation(generation_);
    return desk_.renew(request);
  }
  std::string order(const std::string& state) { return call(state)->order(); }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  bool healthy_ = true, may_carry_ = true;
  uint64_t generation_ = 7, sequence_ = 0;
  int made_ = 0;
  std::vector<Yield> yields_;
  Recorder events_;
  StandingOrder kept_;
  Desk desk_{settings(), hooks(), events_};
};

TEST_F(DeskTest, ARenewalGetsALeaseAndIsTakenOnce) {
  const auto reply = call("dormant", 5);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->lease_ms(), 1000u);
  EXPECT_TRUE(reply->dpu_healthy());
  EXPECT_EQ(reply->bundle_generation(), 7u);
  EXPECT_TRUE(absl::IsAlreadyExists(call("dormant", 5).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(call("dormant", 4).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(call("sleepy", 6).status()));
  v1::RenewRequest other;
  other.set_node("host-b");
  EXPECT_TRUE(absl::IsInvalidArgument(desk_.renew(other).status()));
}

TEST_F(DeskTest, AnOrderStandsUntilItIsDoneAndThisSideYieldsMeanwhile) {
  EXPECT_TRUE(absl::IsFailedPrecondition(desk_.order_fall_back("alice")));  // nobody to tell
  EXPECT_EQ(order("dormant"), "");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  EXPECT_EQ(order("dormant"), "fall_back");
  EXPECT_THAT(yields_, IsEmpty());  // it may not be able to
  EXPECT_EQ(order("blocking"), "fall_back");
  EXPECT_THAT(yields_, ElementsAre(Yield::kQuiet));
  EXPECT_TRUE(call("blocking")->carries());
  EXPECT_EQ(order("active"), "");
  EXPECT_FALSE(call("active")->carries());
  EXPECT_TRUE(absl::IsFailedPrecondition(desk_.order_fall_back("alice")));
  healthy_ = false;
  EXPECT_TRUE(absl::IsFailedPrecondition(desk_.order_return("alice")));
  healthy_ = true;
  ASSERT_TRUE(desk_.order_return("alice").ok());
  EXPECT_EQ(order("active"), "return");
  EXPECT_TRUE(call("handing_back")->carries());  // before the host moves anything
  EXPECT_EQ(order("dormant"), "");
  EXPECT_THAT(yields_, ElementsAre(Yield::kQuiet, Yield::kYes, Yield::kNo));
  EXPECT_TRUE(absl::IsFailedPrecondition(desk_.order_return("alice")));
}

TEST_F(DeskTest, AHostThatNoContractLetsCarryIsNotBelieved) {
  ASSERT_TRUE(call("dormant").ok());
  may_carry_ = false;
  for (const char* state : {"blocking", "active", "active", "handing_back"})
    EXPECT_TRUE(call(state)->carries()) << state;
  EXPECT_THAT(yields_, IsEmpty());
  ASSERT_EQ(events_.all.size(), 1u);
  EXPECT_EQ(events_.all[0].kind, Kind::kRefusedAccess);
  EXPECT_EQ(events_.all[0].domain, Domain::kHost);
  EXPECT_THAT(events_.all[0].message, HasSubstr("not believed"));
  ASSERT_TRUE(call("dormant").ok());
  may_carry_ = true;
  EXPECT_FALSE(call("active")->carries());
  may_carry_ = false;  // a contract that changes takes nothing from a host that carries already
  EXPECT_FALSE(call("active")->carries());
}

TEST_F(DeskTest, TheJournalLearnsWhoOrderedIt) {
  (void)call("dormant");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  (void)call("blocking");
  EXPECT_EQ(events_.all.back().phase, Phase::kBegin);
  EXPECT_EQ(events_.all.back().evidence["ordered_by"], "alice");
  for (const char* state : {"active", "dormant", "active"}) (void)call(state);  // the last one by itself
  EXPECT_FALSE(events_.all.back().evidence.contains("ordered_by"));
}

TEST_F(DeskTest, AHostThatCannotTakeOverLeavesTheTrafficHere) {
  (void)call("dormant");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  (void)call("blocking");
  (void)call("failed");
  EXPECT_THAT(yields_, ElementsAre(Yield::kQuiet, Yield::kNo));
}

TEST_F(DeskTest, ADpuThatWasDeadLetsItsHostSpeakFirst) {
  desk_.await_host();
  EXPECT_TRUE(desk_.state().yielded());
  now_ += absl::Milliseconds(2999);
  desk_.tick();
  EXPECT_THAT(yields_, IsEmpty());
  EXPECT_FALSE(call("active")->carries());
  EXPECT_THAT(yields_, IsEmpty());  // it was right
  (void)call("dormant");
  EXPECT_THAT(yields_, ElementsAre(Yield::kNo));
}

TEST_F(DeskTest, AHostThatNeverCallsIsNotWaitedForLong) {
  desk_.await_host();
  now_ += absl::Seconds(3);
  desk_.tick();
  EXPECT_THAT(yields_, ElementsAre(Yield::kNo));
  desk_.tick();
  EXPECT_EQ(yields_.size(), 1u);
}

// Ill or not: what the host has not begun is no gap for anybody.
TEST_F(DeskTest, AnOrderThatWasNotFollowedCanAlwaysBeTakenBack) {
  (void)call("dormant");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  healthy_ = false;
  ASSERT_TRUE(desk_.order_return("alice").ok());
  EXPECT_EQ(order("dormant"), "");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  (void)call("failed");
  ASSERT_TRUE(desk_.order_return("alice").ok());
  EXPECT_EQ(order("failed"), "");
  // It had begun before it could hear that: what is said to it stands until it is back.
  (void)call("dormant");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  ASSERT_TRUE(desk_.order_return("alice").ok());
  EXPECT_EQ(order("blocking"), "return");
  EXPECT_EQ(order("active"), "return");
  EXPECT_EQ(order("dormant"), "");
}

TEST_F(DeskTest, NothingFallsBackOntoAPathThatHasFailed) {
  (void)call("failed");
  const absl::Status refused = desk_.order_fall_back("alice");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has failed"));
  EXPECT_EQ(order("failed"), "");
  (void)call("dormant");
  EXPECT_TRUE(desk_.order_fall_back("alice").ok());
}

TEST_F(DeskTest, AnOrderIsTiedToWhatWasSeen) {
  (void)call("dormant");
  const std::string seen = desk_.state().etag();
  (void)call("dormant");
  EXPECT_EQ(desk_.state().etag(), seen);
  ASSERT_TRUE(desk_.order_fall_back("alice", {.etag = seen, .check_only = true}).ok());
  EXPECT_EQ(order("dormant"), "");  // nothing was ordered
  EXPECT_EQ(desk_.state().etag(), seen);
  ASSERT_TRUE(desk_.order_fall_back("alice", {.etag = seen}).ok());
  const absl::Status stale = desk_.order_return("bob", {.etag = seen});
  EXPECT_TRUE(absl::IsAborted(stale));
  EXPECT_THAT(std::string(stale.message()), HasSubstr(absl::StrCat(desk_.state().etag(), ", not ", seen)));
  std::set<std::string> seen_so_far{seen, desk_.state().etag()};
  now_ += absl::Seconds(1);
  for (const char* state : {"blocking", "active", "dormant"}) {
    (void)call(state);
    EXPECT_TRUE(seen_so_far.insert(desk_.state().etag()).second) << state;
  }
  ++generation_;
  (void)call("dormant");
  EXPECT_TRUE(seen_so_far.insert(desk_.state().etag()).second);
}

TEST_F(DeskTest, AnOrderStandsOverARestart) {
  (void)call("dormant");
  ASSERT_TRUE(desk_.order_fall_back("alice").ok());
  EXPECT_EQ(kept_.order, "fall_back");
  EXPECT_EQ(kept_.by, "alice");
  Desk::Settings next = settings();
  next.standing = kept_;
  Desk desk(next, hooks(), events_);
  EXPECT_EQ(desk.state().order, "fall_back");
  (void)call("active");
  desk_.tick();
  EXPECT_EQ(kept_.order, "");
}

// Nobody else would end it: the host stays where it was ordered to.
TEST_F(DeskTest, ADrillWhoseLeaderDiedIsOver) {
  (void)call("dormant");
  ASSERT_TRUE(desk_.order_fall_back("alice", {.drill = true}).ok());
  (void)call("active");
  desk_.tick();
  EXPECT_EQ(kept_.order, "drill");
  Desk::Settings next = settings();
  next.standing = kept_;
  EXPECT_EQ(Desk(next, hooks(), events_).state().order, "return");
  healthy_ = false;  // the host waits for health by itself
  ASSERT_TRUE(desk_.order_return("alice", {.drill = true}).ok());
  EXPECT_EQ(order("active"), "return");
  EXPECT_EQ(order("dormant"), "");
  desk_.tick();
  EXPECT_EQ(kept_.order, "");
}

class DrillTest : public DeskTest {
 protected:
  // The host does as it is told, a poll later, while it `obeys`.
  absl::Status drill(bool obeys = true) {
    DrillOrder order{.actor = "alice", .clock = [this] { return now_; }};
    order.sleep = [this, obeys](absl::Duration time) {
      now_ += time;
      const std::string told = desk_.state().order;
      if (obeys && told == "fall_back") (void)call("active");
      if (obeys && told == "return") (void)call("dormant");
    };
    return run_drill(
        desk_, order, [this](const v1::DrillStep& step) { record_.steps.push_back(step); },
        [] { return false; });
  }
  DrillRecord record_;
};

TEST_F(DrillTest, GoesThereAndBack) {
  (void)call("dormant");
  const absl::Status status = drill();
  ASSERT_TRUE(status.ok()) << status;
  std::vector<std::string> steps;
  for (const auto& step : record_.steps) steps.push_back(step.step());
  EXPECT_THAT(steps, ElementsAre("ordered", "active", "returning", "dormant"));
  EXPECT_EQ(record_.steps[1].took_ms(), 20u);
  EXPECT_GE(record_.steps[2].after_ms(), 5000u);
}

TEST_F(DrillTest, AHostThatDoesNotFollowIsToldToReturn) {
  (void)call("dormant");
  EXPECT_TRUE(absl::IsDeadlineExceeded(drill(false)));
  EXPECT_EQ(desk_.state().order, "return");
  EXPECT_EQ(record_.steps.size(), 1u);
}

TEST_F(DrillTest, WhatCannotBeginHasNoSteps) {
  EXPECT_TRUE(absl::IsFailedPrecondition(drill()));
  EXPECT_THAT(record_.steps, IsEmpty());
}

TEST_F(DrillTest, ARecordIsReadAsItWasWritten) {
  (void)call("dormant");
  (void)drill();
  record_.status = absl::DeadlineExceededError("the host is\nasleep");
  const DrillRecord read = DrillRecord::parse(record_.text());
  EXPECT_EQ(read.status, record_.status);
  ASSERT_EQ(read.steps.size(), 4u);
  EXPECT_EQ(read.steps[3].SerializeAsString(), record_.steps[3].SerializeAsString());
  EXPECT_FALSE(DrillRecord::parse("").status.ok());
  EXPECT_TRUE(DrillRecord::parse(DrillRecord{}.text()).status.ok());
}

TEST_F(DeskTest, SilenceIsAnIncidentThatEndsWithTheNextCall) {
  (void)call("dormant");
  desk_.tick();
  EXPECT_THAT(events_.all, IsEmpty());
  now_ += absl::Milliseconds(1001);
  desk_.tick();
  desk_.tick();
  ASSERT_EQ(events_.all.size(), 1u);
  EXPECT_EQ(events_.all[0].kind, Kind::kLeaseLost);
  EXPECT_EQ(events_.all[0].phase, Phase::kBegin);
  EXPECT_FALSE(desk_.state().linked);
  (void)call("active");
  ASSERT_EQ(events_.all.size(), 3u);
  EXPECT_EQ(events_.all[1].phase, Phase::kEnd);
  EXPECT_EQ(events_.all[2].kind, Kind::kFallback);
  EXPECT_EQ(events_.all[2].phase, Phase::kBegin);
  (void)call("dormant");
  EXPECT_EQ(events_.all[3].phase, Phase::kEnd);
}

TEST_F(DeskTest, ABundleIsMadeOncePerGenerationAndHour) {
  v1::FetchBundleRequest request;
  request.set_node("host-a");
  EXPECT_EQ(desk_.fetch(request)->key_id(), "1");
  EXPECT_EQ(desk_.fetch(request)->key_id(), "1");
  now_ += absl::Minutes(61);
  EXPECT_EQ(desk_.fetch(request)->key_id(), "2");
  generation_ = 8;
  EXPECT_EQ(desk_.fetch(request)->key_id(), "3");
  const uint64_t mark = call("dormant")->bundle_mark();
  desk_.bundle_changed();  // a peer's host is in force: the same generation, another bundle
  EXPECT_NE(call("dormant")->bundle_mark(), mark);
  EXPECT_EQ(desk_.fetch(request)->key_id(), "4");
  EXPECT_EQ(desk_.fetch(request)->key_id(), "4");
  request.set_have_generation(8);
  EXPECT_TRUE(absl::IsNotFound(desk_.fetch(request).status()));
  generation_ = 0;
  request.set_have_generation(0);
  EXPECT_TRUE(absl::IsNotFound(desk_.fetch(request).status()));
}

}  // namespace
}  // namespace outrigger::agent
