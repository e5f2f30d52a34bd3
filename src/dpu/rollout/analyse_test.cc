// The gate: by itself, and as the last stage of a rollout.
#include "dpu/rollout/analyse.h"

#include <cmath>
#include <random>

#include "dpu/rollout/rollouts_fixture.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kMinute = absl::Minutes(1);

// A minute of windows: lognormal latencies, `factor` times as long.
Measured minute(double factor = 1, uint64_t failed_each = 0, size_t windows = 60) {
  std::mt19937_64 random(static_cast<uint64_t>(1000 * factor) + failed_each);
  std::normal_distribution<double> normal;
  Measured out;
  for (size_t i = 0; i < windows; ++i) {
    HostWindow window{absl::FromUnixSeconds(static_cast<int64_t>(i)), absl::Seconds(1), {}, 200, failed_each};
    for (uint64_t j = failed_each; j < 200; ++j)
      window.latency.add(static_cast<uint64_t>(factor * 1e5 * std::exp(0.2 * normal(random))));
    out.windows.push_back(std::move(window));
    out.seconds.push_back({absl::FromUnixSeconds(static_cast<int64_t>(i)), false, false});
  }
  return out;
}

Judgement judged(const Measured& before, const Measured& after) {
  return judge_change(before, after, kDefaultMargin, kMinute);
}

TEST(JudgeChange, RowsOfWhatItDecides) {
  EXPECT_EQ(judged(minute(), minute(1.001)).gate, stats::Gate::kPromote);
  EXPECT_EQ(judged(minute(), minute(0.5)).gate, stats::Gate::kPromote);
  EXPECT_EQ(judged(minute(), minute(1.5)).gate, stats::Gate::kRollBack);
  EXPECT_EQ(judged(minute(), minute(1.05)).gate, stats::Gate::kHold) << "at the margin";
}

TEST(JudgeChange, SaysWhatDecidedAndByWhat) {
  const Judgement back = judged(minute(), minute(1.5));
  EXPECT_THAT(back.reason, HasSubstr("p99 changed by +"));
  EXPECT_THAT(back.reason, HasSubstr("margin +5.0"));
  EXPECT_THAT(back.evidence, HasSubstr("before: 60 windows, n 12000, 0 of 12000 requests failed"));
  EXPECT_THAT(back.evidence, HasSubstr("margin 5 %"));
  EXPECT_THAT(judged(minute(), minute(1.05)).reason, HasSubstr("inconclusive: p99"));
}

TEST(JudgeChange, NoDataHolds) {
  for (const auto& [before, after] :
       {std::pair(Measured(), minute()), {minute(), Measured()}, {minute(), minute(1, 0, 1)}}) {
    const Judgement held = judged(before, after);
    EXPECT_EQ(held.gate, stats::Gate::kHold);
    EXPECT_THAT(held.reason, HasSubstr("no data: too little data: p99 needs 368"));
  }
}

TEST(JudgeChange, RequestsThatFailSpeakBeforeTheEnd) {
  const Measured before = minute(), after = minute(1, 20, 10);
  EXPECT_TRUE(counts_speak(before, after, kMinute));
  EXPECT_FALSE(counts_speak(before, minute(1, 0, 10), kMinute));
  EXPECT_FALSE(counts_speak(minute(1, 20), after, kMinute)) << "they failed before, too";
  EXPECT_FALSE(counts_speak({}, after, kMinute)) << "nothing to compare with";
  const Judgement back = judged(before, after);
  EXPECT_EQ(back.gate, stats::Gate::kRollBack);
  EXPECT_THAT(back.reason, HasSubstr("failed requests: 200 of 2000 where there were 0 of 2000"));
}

TEST(JudgeChange, SecondsWithDropsOrIncidentsSpeak) {
  Measured dropping = minute(), ill = minute();
  for (size_t i = 0; i < 60; i += 2) dropping.seconds[i].dropped = ill.seconds[i].incident = true;
  EXPECT_THAT(judged(minute(), dropping).reason, HasSubstr("seconds with drops: 30 of 60"));
  EXPECT_THAT(judged(minute(), ill).reason, HasSubstr("seconds with incidents: 30 of 60"));
  EXPECT_EQ(judged(dropping, dropping).gate, stats::Gate::kPromote);
}

// Half as much was measured before as will be after: looked at in the middle it says no more than it may.
TEST(JudgeChange, SidesOfDifferentLengthAreWeighedByWhatTheyAre) {
  EXPECT_FALSE(counts_speak(minute(1, 2, 30), minute(1, 2, 60), kMinute));
  EXPECT_TRUE(counts_speak(minute(1, 2, 30), minute(1, 20, 60), kMinute));
}

TEST(Measured, ComesBackFromItsNote) {
  Measured some = minute(1, 3, 5);
  some.seconds[1].dropped = some.seconds[2].incident = true;
  some.seconds[3] = {{}, true, true};
  const auto back = from_note(to_note(some));
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->windows.size(), 5u);
  EXPECT_EQ(back->windows[4].latency, some.windows[4].latency);
  EXPECT_EQ(back->windows[4].failed, 3u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(back->seconds[i].dropped, some.seconds[i].dropped);
    EXPECT_EQ(back->seconds[i].incident, some.seconds[i].incident);
  }
  EXPECT_TRUE(from_note("")->windows.empty());
  for (const char* note : {"7", "000\n1", "000\n1 2 x", "000\n1 x 0 0"}) EXPECT_FALSE(from_note(note).ok());
}

class AnalyseTest : public RolloutsTest {
 protected:
  std::string last_reason() {
    const v1::Rollout now = *rollouts_->latest("policy");
    return now.transitions(now.transitions_size() - 1).reason();
  }
  std::string last_evidence() {
    const v1::Rollout now = *rollouts_->latest("policy");
    return now.transitions(now.transitions_size() - 1).evidence();
  }
};

TEST_F(AnalyseTest, AVersionAsFastAsBeforeIsKept) {
  measurements_.set(minute(), minute(1.001));
  ASSERT_TRUE(start_gated().ok());
  EXPECT_EQ(until("complete"), "complete");
  EXPECT_EQ(states(),
            (std::vector<std::string>{"planned", "preflight", "shadow", "settle", "analyse", "complete"}));
  EXPECT_THAT(last_reason(), HasSubstr("p99 changed by"));
  EXPECT_THAT(last_evidence(), HasSubstr("n 12000"));
}

TEST_F(AnalyseTest, ASlowerOneGoesBackWithItsEvidence) {
  measurements_.set(minute(), minute(1.5));
  ASSERT_TRUE(start_gated().ok());
  EXPECT_EQ(until("rolled_back"), "rolled_back");
  EXPECT_EQ(version(), "1");
  EXPECT_THAT(last_reason(), HasSubstr("p99 changed by +"));
  EXPECT_THAT(last_evidence(), HasSubstr("1 is in force again"));
}

TEST_F(AnalyseTest, TheMarginIsTheCallers) {
  measurements_.set(minute(), minute(1.5));
  v1::StartRolloutRequest request;
  request.set_service("policy");
  request.set_to("2");
  request.set_analyse_seconds(0.05);
  request.set_margin(0.8);
  ASSERT_TRUE(rollouts_->start(request, "ann").ok());
  EXPECT_EQ(until("complete"), "complete");
}

TEST_F(AnalyseTest, CountsThatSpeakWaitForNoEnd) {
  measurements_.set(minute(), minute(1, 20, 10));
  ASSERT_TRUE(start_gated(600).ok());
  EXPECT_EQ(until("rolled_back"), "rolled_back");
  EXPECT_THAT(last_reason(), HasSubstr("failed requests"));
}

TEST_F(AnalyseTest, NoDataHoldsUntilSomebodySaysAWord) {
  ASSERT_TRUE(start_gated().ok());
  EXPECT_EQ(until("hold"), "hold");
  EXPECT_THAT(last_reason(), HasSubstr("no data"));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(rollouts_->latest("policy")->state(), "hold") << "health that is ready is no word";
  EXPECT_EQ(say("promote")->state(), "complete");
}

TEST_F(AnalyseTest, InconclusiveHoldsAndAPersonMayGoBack) {
  measurements_.set(minute(), minute(1.05));
  for (const char* verb : {"abort", "undo"}) {
    ASSERT_TRUE(start_gated().ok());
    EXPECT_EQ(until("hold"), "hold");
    EXPECT_THAT(last_reason(), HasSubstr("inconclusive"));
    EXPECT_EQ(say(verb)->state(), "rolled_back");
    EXPECT_EQ(version(), "1");
  }
}

TEST_F(AnalyseTest, IllHealthIsNotHeldByTheGate) {
  ASSERT_TRUE(start_gated().ok());
  EXPECT_EQ(until("hold"), "hold");
  board_.set(Health::kFailed);
  EXPECT_EQ(until("rolled_back"), "rolled_back");
}

TEST_F(AnalyseTest, HealthNobodyKnowsBeginsItAgain) {
  measurements_.set(minute(), minute(1.001));
  ASSERT_TRUE(start_gated(1).ok());
  EXPECT_EQ(until("analyse"), "analyse");
  board_.set(Health::kUnknown);
  EXPECT_EQ(until("hold"), "hold");
  board_.set(Health::kReady);
  EXPECT_EQ(until("complete"), "complete");
  EXPECT_THAT(states(), ::testing::ElementsAre("planned", "preflight", "shadow", "settle", "analyse", "hold",
                                               "settle", "analyse", "complete"));
}

TEST_F(AnalyseTest, APauseConcludesNothing) {
  measurements_.set(minute(), minute(1.001));
  ASSERT_TRUE(start_gated(0.3).ok());
  EXPECT_EQ(until("analyse"), "analyse");
  EXPECT_TRUE(say("pause")->paused());
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(rollouts_->latest("policy")->state(), "analyse");
  EXPECT_TRUE(say("resume").ok());
  EXPECT_EQ(until("complete"), "complete");
}

// What was before the change can be measured no more: it is in the store.
TEST_F(AnalyseTest, ItBeginsAgainAfterTheAgentsDeath) {
  measurements_.set(minute(), minute(1.5));
  ASSERT_TRUE(start_gated(0.5).ok());
  EXPECT_EQ(until("analyse"), "analyse");
  restart();
  EXPECT_EQ(until("rolled_back"), "rolled_back");
  EXPECT_THAT(states(), ::testing::ElementsAre("planned", "preflight", "shadow", "settle", "analyse",
                                               "settle", "analyse", "rolled_back"));
  EXPECT_THAT(last_reason(), HasSubstr("p99 changed by +"));
}

TEST_F(AnalyseTest, WhatAnotherRolloutStoredIsNotCompared) {
  measurements_.set(minute(), minute(1.5));
  ASSERT_TRUE(start_gated(0.5).ok());
  EXPECT_EQ(until("analyse"), "analyse");
  rollouts_.reset();
  {
    const std::lock_guard lock(mutex_);
    std::string& note = stored_["before-change"]["policy"];
    note = "ro-999" + note.substr(note.find('\n'));
  }
  restart();
  EXPECT_EQ(until("hold"), "hold");
  EXPECT_THAT(last_reason(), HasSubstr("no data"));
}

TEST_F(AnalyseTest, NonsenseIsRefused) {
  v1::StartRolloutRequest request;
  request.set_service("policy");
  request.set_to("2");
  for (const double seconds : {-1.0, 901.0, std::nan("")}) {
    request.set_analyse_seconds(seconds);
    EXPECT_THAT(std::string(rollouts_->start(request, "ann").status().message()),
                HasSubstr("analyse_seconds"));
  }
  request.set_analyse_seconds(1);
  for (const double margin : {-0.1, 1.5, std::nan("")}) {
    request.set_margin(margin);
    EXPECT_THAT(std::string(rollouts_->start(request, "ann").status().message()), HasSubstr("margin"));
  }
}

}  // namespace
}  // namespace outrigger::agent
