// From measurements to a verdict: what makes it pay, what keeps it from it, and what cannot be known.
#include "scorecard/scorecard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scorecard/evidence.h"
#include "scorecard/fixture.h"

namespace outrigger::scorecard {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr stats::Resampling kQuick = {.rounds = 300};

Scorecard card_of(const Input& input) {
  auto card = make(input, kQuick);
  EXPECT_TRUE(card.ok()) << card.status();
  return card.ok() ? *std::move(card) : Scorecard{};
}

Input sides(const Shape& before, Shape after) {
  after.label = "after", after.seed = before.seed + 1000;
  return two_sides(run_of(before), run_of(after));
}

measure::PrivilegedService agent() { return {"policy-agent", "policy", 6, "uid 0, CAP_NET_ADMIN"}; }

TEST(Verdict, PaysForAFasterTail) {
  const Scorecard card = card_of(sides({.requests = 200}, {.requests = 200, .latency_ms = 0.6}));
  EXPECT_EQ(card.verdict, Verdict::kPays) << card.why;
  EXPECT_THAT(card.why, HasSubstr("latency, p99"));
  const Figure* p99 = figure_of(card, "latency.p99");
  ASSERT_NE(p99, nullptr);
  EXPECT_EQ(p99->judged, "better");
  EXPECT_NEAR(p99->log_change->estimate, std::log(0.6), 0.08);
  EXPECT_NEAR(*p99->before, std::exp(0.3 * 2.326), 0.15) << "ms";
  EXPECT_EQ(p99->n_before, 12'000u);
  ASSERT_EQ(card.services.size(), 1u);
  EXPECT_EQ(card.services[0].service, "policy");
  EXPECT_EQ(card.services[0].verdict, Verdict::kPays);
}

TEST(Verdict, PaysForCalmerCpus) {
  const Shape calm{.windows = 120, .requests = 200, .busy_unrest = 0.02};
  Shape wild = calm;
  wild.busy_unrest = 0.1;
  const Scorecard card = card_of(sides(wild, calm));
  EXPECT_EQ(card.verdict, Verdict::kPays) << card.why;
  EXPECT_EQ(figure_of(card, "cpu.variance")->judged, "better");
}

TEST(Verdict, ASlowerTailForbidsWhateverElseGotBetter) {
  const Scorecard card =
      card_of(sides({.windows = 120, .requests = 200, .busy_unrest = 0.1},
                    {.windows = 120, .requests = 200, .latency_ms = 1.3, .busy_unrest = 0.02}));
  EXPECT_EQ(card.verdict, Verdict::kDoesNotPay) << card.why;
  EXPECT_THAT(card.why, HasSubstr("worse got latency, p99"));
  EXPECT_EQ(section_of(card, "cpu")->verdict, Verdict::kPays);
}

TEST(Verdict, AGainThatCostsElsewhereIsForSomebodyToWeigh) {
  const Scorecard card = card_of(sides({.requests = 200}, {.requests = 200, .latency_ms = 0.6, .busy = 0.6}));
  EXPECT_EQ(card.verdict, Verdict::kInconclusive) << card.why;
  EXPECT_THAT(card.why, HasSubstr("CPU, busy"));
  EXPECT_THAT(card.why, HasSubstr("weigh"));
}

TEST(Verdict, LessPrivilegePaysWhenNothingGotSlower) {
  Input input = sides({.windows = 200, .requests = 300}, {.windows = 200, .requests = 300});
  input.before[0].privileged = {agent(), {"sshd", "other", 2, "uid 0"}};
  input.after[0].privileged = {{"sshd", "other", 2, "uid 0"}};
  const Scorecard card = card_of(input);
  EXPECT_EQ(card.verdict, Verdict::kPays) << card.why;
  EXPECT_THAT(card.why, HasSubstr("weight 8 → 2"));
  EXPECT_THAT(section_of(card, "privilege")->lines, Contains(HasSubstr("removed: policy-agent")));
  EXPECT_THAT(section_of(card, "privilege")->lines, Contains(HasSubstr("left: sshd")));
}

TEST(Verdict, LessPrivilegeDoesNotPayForSlownessThatIsMerelyNotShown) {
  Input input = sides({.windows = 20, .requests = 30}, {.windows = 20, .requests = 30});
  input.before[0].privileged = {agent()};
  input.after[0].privileged.emplace();
  const Scorecard card = card_of(input);
  EXPECT_EQ(card.verdict, Verdict::kInconclusive) << card.why;
  EXPECT_THAT(card.why, HasSubstr("not shown"));
}

TEST(Verdict, MorePrivilegeNeverPays) {
  Input input = sides({.requests = 200}, {.requests = 200, .latency_ms = 0.5});
  input.before[0].privileged.emplace();
  input.after[0].privileged = {agent()};
  EXPECT_EQ(card_of(input).verdict, Verdict::kDoesNotPay);
}

TEST(Verdict, AServiceStillPrivilegedOnTheHostDoesNotPayByItself) {
  Input input = sides({.requests = 200}, {.requests = 200, .latency_ms = 0.5});
  input.before[0].privileged = {{"policy", "policy", 4, ""}};
  input.after[0].privileged = {{"policy", "policy", 4, ""}};
  const Scorecard card = card_of(input);
  EXPECT_EQ(card.services[0].verdict, Verdict::kInconclusive);
  EXPECT_THAT(card.services[0].why, HasSubstr("still among the privileged"));
}

TEST(Verdict, BoundaryTestsForbidWhatTheyLoseAndOpenWhatTheyNeverTried) {
  Input input = sides({.requests = 200}, {.requests = 200, .latency_ms = 0.5});
  input.before[0].boundary = {{"spoof", true, ""}};
  input.after[0].boundary = {{"spoof", false, "a frame came through"}};
  EXPECT_EQ(card_of(input).verdict, Verdict::kDoesNotPay);
  input.before[0].boundary.reset();
  EXPECT_EQ(card_of(input).verdict, Verdict::kInconclusive);
  input.after[0].boundary = {{"spoof", true, ""}};
  const Scorecard held = card_of(input);
  EXPECT_EQ(held.verdict, Verdict::kPays) << held.why;
  EXPECT_THAT(section_of(held, "boundary")->why, HasSubstr("1 of 1 held after, none tried before"));
}

TEST(Verdict, NothingMovedNothingPays) {
  Input input = sides({.requests = 200}, {.requests = 200, .latency_ms = 0.5});
  input.after[0].placement = input.before[0].placement;
  const Scorecard card = card_of(input);
  EXPECT_EQ(card.verdict, Verdict::kInconclusive);
  EXPECT_THAT(card.why, HasSubstr("no service moved"));
}

TEST(Verdict, WithoutAnApplicationNobodyKnows) {
  Input input = sides({.windows = 120, .busy_unrest = 0.1}, {.windows = 120, .busy_unrest = 0.02});
  for (auto* side : {&input.before, &input.after}) {
    (*side)[0].work = {};
    for (auto& window : (*side)[0].windows) window.latency = {}, window.sent = 0;
  }
  const Scorecard card = card_of(input);
  EXPECT_EQ(card.verdict, Verdict::kInconclusive);
  EXPECT_THAT(card.why, HasSubstr("nobody measured latency.p99"));
}

TEST(Verdict, EnoughDataOfNoGainDoesNotPay) {
  const Shape much{.windows = 600, .requests = 400, .unrest = 0.005};
  const Scorecard card = card_of(sides(much, much));
  EXPECT_EQ(card.verdict, Verdict::kDoesNotPay) << card.why;
  EXPECT_THAT(card.why, HasSubstr("ruled out"));
}

TEST(Figures, AreRefusedBelowTheirSampleSizes) {
  const Scorecard card = card_of(sides({.windows = 12, .requests = 30}, {.windows = 12, .requests = 30}));
  const Figure *p99 = figure_of(card, "latency.p99"), *p50 = figure_of(card, "latency.p50");
  EXPECT_FALSE(p99->before) << "360 samples";
  EXPECT_FALSE(p99->log_change);
  EXPECT_EQ(p99->judged, "too little data");
  EXPECT_THAT(p99->why, HasSubstr("368"));
  EXPECT_TRUE(p50->before);
  EXPECT_THAT(figure_of(card, "latency.p99.9")->why, HasSubstr("3688"));
  EXPECT_NE(card.verdict, Verdict::kPays);
}

TEST(Figures, RequestsThatFailedCountAsTheSlowest) {
  Input input = sides({.requests = 200}, {.requests = 200});
  for (auto& window : input.after[0].windows) window.sent += 4, window.failed = 4;
  const Scorecard card = card_of(input);
  EXPECT_FALSE(figure_of(card, "latency.p99")->after) << "2 % were never answered";
  EXPECT_THAT(figure_of(card, "latency.p99")->why, HasSubstr("never answered"));
  EXPECT_TRUE(figure_of(card, "latency.p50")->after);
  EXPECT_EQ(figure_of(card, "latency.failed")->judged, "worse");
  EXPECT_EQ(card.verdict, Verdict::kDoesNotPay) << card.why;
}

TEST(Figures, NoneAndNoneIsNoDifferenceAndNoneToSomeIsOne) {
  Input input = sides({.requests = 200, .gaps = 0}, {.requests = 200, .gaps = 0});
  EXPECT_EQ(figure_of(card_of(input), "gaps.over_100us")->judged, "no difference shown");
  input = sides({.requests = 200, .gaps = 0}, {.requests = 200, .gaps = 30});
  const Scorecard card = card_of(input);
  const Figure* gaps = figure_of(card, "gaps.over_100us");
  EXPECT_EQ(gaps->before, 0.0);
  EXPECT_GT(*gaps->after, 20);
  EXPECT_EQ(gaps->judged, "worse");
}

TEST(Figures, IncidentsByDomainAndTheirShareScopedToOne) {
  Input input = sides({}, {});
  auto &before = input.before[0].incidents.emplace(), &after = input.after[0].incidents.emplace();
  for (int i = 0; i < 12; ++i) {
    before.push_back({.domain = i % 2 == 0 ? "host,network" : "unknown", .detect_s = 5});
    after.push_back({.domain = "dpu",
                     .kind = "engine_crash",
                     .summary = "it died",
                     .detect_s = 0.5,
                     .act_s = -1,
                     .recover_s = -1});
  }
  const Scorecard card = card_of(input);
  const Section* section = section_of(card, "incidents");
  EXPECT_EQ(section->verdict, Verdict::kPays) << section->why;
  EXPECT_EQ(figure_of(card, "incidents.scoped")->before, 0.0);
  EXPECT_EQ(figure_of(card, "incidents.scoped")->after, 100.0);
  EXPECT_EQ(figure_of(card, "incidents.detect")->after, 0.5);
  EXPECT_THAT(section->lines, Contains("after: dpu 12"));
  EXPECT_THAT(section->why, HasSubstr("before: 0 of 12 scoped to exactly one domain; after: 12 of 12"));
  EXPECT_THAT(section->lines, Contains("after, dpu, engine_crash: it died (detected 0.5 s)"));
  EXPECT_THAT(section->lines, Contains("after: 4 more"));
  EXPECT_NE(card.verdict, Verdict::kPays) << "incidents alone never make it pay";
}

TEST(Figures, WhatIsBrokenIsListedOfBothSides) {
  Input input = sides({}, {});
  input.before[0].boundary = {{"rules", false, "root emptied them"}, {"spoof", true, ""}};
  input.after[0].boundary = {{"rules", true, "none are there"}, {"spoof", true, ""}};
  const Scorecard card = card_of(input);
  const Section* boundary = section_of(card, "boundary");
  EXPECT_EQ(boundary->verdict, Verdict::kPays) << boundary->why;
  EXPECT_THAT(boundary->why,
              HasSubstr("2 of 2 held after, 1 of 2 before; holds now and did not before: rules"));
  EXPECT_THAT(boundary->lines, ::testing::ElementsAre("broken before: rules: root emptied them"));
}

TEST(Figures, AnIncidentThatNobodyAskedForIsNotNone) {
  Input input = sides({}, {});
  EXPECT_THAT(section_of(card_of(input), "incidents")->why, HasSubstr("nobody asked"));
  input.before[0].incidents.emplace();
  input.after[0].incidents.emplace();
  EXPECT_THAT(section_of(card_of(input), "incidents")->why, HasSubstr("none happened in the 60 s before"));
  input.before[0].incidents.reset();
  input.after[0].incidents->push_back({.domain = "dpu", .detect_s = 0.5});
  const Scorecard card = card_of(input);
  const Figure* rate = figure_of(card, "incidents.rate");
  EXPECT_EQ(rate->before, std::nullopt) << "a side without an answer has no rate";
  EXPECT_NEAR(*rate->after, 60, 1e-9);
  EXPECT_EQ(rate->judged, "too little data");
  EXPECT_NE(section_of(card, "incidents")->verdict, Verdict::kDoesNotPay);
}

TEST(Figures, TheCostIsTold) {
  Input input = sides({.requests = 200}, {.requests = 200, .latency_ms = 0.6});
  input.after[0].cost = {1.25, int64_t{512} << 20, {12}};
  EXPECT_EQ(figure_of(card_of(input), "cost.blackout_median"), nullptr) << "one is its own median";
  EXPECT_EQ(figure_of(card_of(input), "cost.blackout_longest")->after, 12);
  input.after[0].cost.blackout_ms = {12, 48, 20};
  const Scorecard card = card_of(input);
  EXPECT_EQ(figure_of(card, "cost.dpu_cpu")->after, 1.25);
  EXPECT_EQ(figure_of(card, "cost.dpu_memory")->after, 512.0);
  EXPECT_EQ(figure_of(card, "cost.blackout_median")->after, 20.0);
  EXPECT_EQ(figure_of(card, "cost.blackout_longest")->after, 48.0);
  EXPECT_NEAR(*figure_of(card, "cost.added_latency_p50")->after, -0.4, 0.05);
}

TEST(Services, MovedTogetherAreJudgedTogetherAndApartApart) {
  Input input =
      abba({.windows = 30, .requests = 200}, {.windows = 30, .requests = 200, .latency_ms = 0.5}, 2, 0);
  Input slower =
      abba({.windows = 30, .requests = 200}, {.windows = 30, .requests = 200, .latency_ms = 1.5}, 2, 100);
  for (auto* side : {&slower.before, &slower.after}) {
    for (auto& run : *side) {
      const std::string place = run.placement["policy"];
      run.place.experiment = "other";
      run.placement = {{"taps", place}, {"flows", place}};
    }
  }
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(input.before, slower.before), append(input.after, slower.after);
  append(input.before_files, slower.before_files), append(input.after_files, slower.after_files);
  const Scorecard card = card_of(input);
  ASSERT_EQ(card.services.size(), 3u);
  EXPECT_EQ(card.services[0].service, "flows");
  EXPECT_EQ(card.services[0].verdict, Verdict::kDoesNotPay) << card.services[0].why;
  EXPECT_THAT(card.services[0].why, HasSubstr("moved together with 1 other"));
  EXPECT_EQ(card.services[1].service, "policy");
  EXPECT_EQ(card.services[1].verdict, Verdict::kPays) << card.services[1].why;
}

TEST(WidenForFew, OfNoneUpToFourWerePossible) {
  Evidence evidence;
  evidence.change = stats::Interval{-5, -5.1, -4.9, 0, 0};
  widen_for_few(evidence, 1000, 0);
  EXPECT_NEAR(evidence.change->high, -5 + std::log(3.689 / 0.5), 0.001);
  EXPECT_LT(evidence.change->low, -20);
  evidence.change = stats::Interval{-0.1, -0.5, 0.3, 0, 0};
  widen_for_few(evidence, 1000, 1000);
  EXPECT_EQ(evidence.change->low, -0.5) << "many events: the bootstrap's";
}

TEST(SummedTo, SumsNeighboursColumnByColumn) {
  EXPECT_EQ(summed_to({{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}}, 2),
            (std::vector<Row>{{6, 60}, {9, 90}}));
  EXPECT_EQ(summed_to({{1}, {2}}, 2), (std::vector<Row>{{1}, {2}}));
}

// A day of windows of a second must not take a day.
TEST(Figures, OfLongRunsAreThoseOfShortOnes) {
  const Shape day{.windows = 5'000, .requests = 20, .unrest = 0.005};
  const Scorecard card = card_of(sides(day, day));
  EXPECT_NEAR(*figure_of(card, "cpu.variance")->before, 25, 1) << "(5 points)^2";
  EXPECT_NEAR(*figure_of(card, "cpu.busy")->before, 0.8, 0.01);
  EXPECT_EQ(figure_of(card, "cpu.busy")->n_before, 5'000u);
}

TEST(BetweenRuns, IsStudentsIntervalOfTheMeanChange) {
  // One block of ABBA: runs of an arm differ by 0.1 and 0.3; s^2 = (0.005 + 0.045) / 2, t of 2 degrees 4.303.
  const std::vector<RunLogs> one = {{{1.0, 1.1}, {2.0, 2.3}}};
  EXPECT_NEAR(*between_runs(one, 0.95), 4.303 * std::sqrt(0.025), 1e-3);
  // Three blocks of one run a side: changes 0.1, 0.2, 0.3, t of 2 degrees.
  const std::vector<RunLogs> three = {{{1.0}, {1.1}}, {{1.0}, {1.2}}, {{1.0}, {1.3}}};
  EXPECT_NEAR(*between_runs(three, 0.95), 4.303 * 0.1 / std::sqrt(3.0), 1e-3);
  EXPECT_FALSE(between_runs(std::vector<RunLogs>{{{1.0}, {1.1}}}, 0.95));
  EXPECT_FALSE(between_runs({}, 0.95));
}

TEST(Seed, TheSameGivesTheSame) {
  const Input input = sides({}, {});
  EXPECT_EQ(to_json(*make(input, {.rounds = 100, .seed = 5})),
            to_json(*make(input, {.rounds = 100, .seed = 5})));
}

}  // namespace
}  // namespace outrigger::scorecard
