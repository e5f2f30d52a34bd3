#include "dpu/journal/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "dpu/journal/incident_file.h"

namespace outrigger::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kMs = Incidents::kMs;

Event event(Kind kind, Phase phase, std::string service, std::string subject = "") {
  Event one;
  one.kind = kind;
  one.phase = phase;
  one.service = std::move(service);
  one.subject = std::move(subject);
  one.message = std::string(name(kind)) + " of " + one.service;
  one.severity = phase == Phase::kEnd ? Severity::kInfo : Severity::kError;
  return one;
}

// What happens, at which millisecond, and which incident it must belong to.
struct Row {
  int64_t at_ms;
  Event event;
  uint64_t incident;
  std::string side = "dpu";
};

Incidents played(const std::vector<Row>& rows) {
  Incidents incidents;
  for (const Row& row : rows) {
    EXPECT_EQ(incidents.see(row.event, row.side, row.at_ms * kMs), row.incident)
        << "at " << row.at_ms << " ms: " << row.event.message;
  }
  return incidents;
}

TEST(Incidents, ARefusalWasItsOwnAct) {
  const Incidents incidents = played({{1000, event(Kind::kRefusedAccess, Phase::kPoint, "agent", "eve"), 1}});
  EXPECT_DOUBLE_EQ(incidents.all().front().act_ms, 0);
}

// A service that fails again when the crash it once suffered from is over is ill by itself.
TEST(Incidents, WhatComesAgainLongAfterItsCauseIsAnother) {
  const auto health = [](Phase phase) { return event(Kind::kHealth, phase, "policy", "health"); };
  const Incidents incidents =
      played({{1'000, event(Kind::kEngineCrash, Phase::kBegin, "engine", "slot 0"), 1},
              {1'500, health(Phase::kBegin), 2},
              {2'000, event(Kind::kEngineCrash, Phase::kEnd, "engine", "slot 0"), 1},
              {2'500, health(Phase::kEnd), 2},
              {8'000, health(Phase::kBegin), 2},  // may still be it
              {9'000, health(Phase::kEnd), 2},
              {20'000, health(Phase::kBegin), 3}});
  EXPECT_EQ(incidents.find(2)->cause, 1u);
  EXPECT_EQ(incidents.find(3)->cause, 0u);
  EXPECT_EQ(incidents.find(3)->domain, Domain::kPolicy);
}

TEST(Incidents, OneLifeWithItsTimes) {
  Event crash = event(Kind::kEngineCrash, Phase::kBegin, "engine", "slot 0");
  crash.first_sign = crash.time - absl::Milliseconds(12);
  const Incidents incidents = played({{1000, crash, 1},
                                      {1003, event(Kind::kEngineCrash, Phase::kAct, "engine", "slot 0"), 1},
                                      {1040, event(Kind::kEngineCrash, Phase::kEnd, "engine", "slot 0"), 1},
                                      {1050, event(Kind::kEngineCrash, Phase::kEnd, "engine", "slot 0"), 0}});
  const Incident& one = incidents.all().front();
  EXPECT_EQ(one.id(), "inc-1");
  EXPECT_EQ(one.domain, Domain::kDpu);
  EXPECT_EQ(one.state, IncidentState::kOver);
  EXPECT_DOUBLE_EQ(one.detect_ms, 12);
  EXPECT_DOUBLE_EQ(one.act_ms, 3);
  EXPECT_DOUBLE_EQ(one.recover_ms, 40);
  EXPECT_THAT(one.evidence, testing::Contains(HasSubstr("domain dpu: an engine is a process of the DPU")));
}

TEST(Incidents, ACrashFoldsWhatItDidBeforeAndAfterItWasFoundOut) {
  const Incidents incidents = played({{500, event(Kind::kHealth, Phase::kBegin, "policy"), 1},
                                      {1000, event(Kind::kEngineCrash, Phase::kBegin, "engine", "slot 0"), 2},
                                      {1100, event(Kind::kHealth, Phase::kBegin, "vswitch"), 3},
                                      {1200, event(Kind::kEngineCrash, Phase::kEnd, "engine", "slot 0"), 2},
                                      {1300, event(Kind::kFallback, Phase::kBegin, "policy"), 4},
                                      {9000, event(Kind::kHealth, Phase::kBegin, "overlay"), 5},
                                      {9100, event(Kind::kHealth, Phase::kBegin, "bgp"), 6},
                                      {20000, event(Kind::kHealth, Phase::kBegin, "engine"), 7}});
  EXPECT_THAT(incidents.consequences(2), ElementsAre(1, 3, 4, 5));
  EXPECT_EQ(incidents.find(1)->domain, Domain::kDpu) << "policy is ill, but not by its own fault";
  EXPECT_EQ(incidents.find(6)->cause, 0U) << "bgp does not run in the engine";
  EXPECT_EQ(incidents.find(7)->cause, 0U) << "too late";
}

TEST(Incidents, WhatSomebodyOrderedIsAConsequenceOfNothing) {
  Event drill = event(Kind::kFallback, Phase::kBegin, "fallback", "host link");
  drill.evidence[kOrderedBy] = "alice (drill)";
  const Incidents incidents =
      played({{1000, event(Kind::kEngineCrash, Phase::kBegin, "engine", "slot 0"), 1},
              {1100, event(Kind::kEngineCrash, Phase::kEnd, "engine", "slot 0"), 1},
              {5000, drill, 2},
              {6000, event(Kind::kEngineStall, Phase::kBegin, "engine", "slot 1"), 3}});
  EXPECT_EQ(incidents.find(2)->cause, 0U);
  EXPECT_THAT(incidents.consequences(1), testing::IsEmpty());
  EXPECT_THAT(incidents.consequences(3), testing::IsEmpty());
}

TEST(Incidents, TheStrongestCauseAtTheRoot) {
  const Incidents incidents = played({{0, event(Kind::kEngineCrash, Phase::kBegin, "engine", "slot 0"), 1},
                                      {10, event(Kind::kHealth, Phase::kBegin, "policy"), 2},
                                      {20, event(Kind::kPortsCrash, Phase::kBegin, "ports"), 3},
                                      {30, event(Kind::kHealth, Phase::kBegin, "vswitch"), 4}});
  EXPECT_EQ(incidents.find(1)->cause, 3U);
  EXPECT_EQ(incidents.find(2)->cause, 1U);
  EXPECT_EQ(incidents.find(4)->cause, 3U);
  EXPECT_EQ(incidents.find(3)->cause, 0U);
}

TEST(Incidents, ExactlyOneDomainEach) {
  struct Case {
    Event event;
    std::string side;
    Domain domain;
  };
  Event refused_host = event(Kind::kRefusedAccess, Phase::kPoint, "link");
  refused_host.domain = Domain::kHost;
  Event application = event(Kind::kHealth, Phase::kBegin, "vswitch");
  application.domain = Domain::kApplication;
  Event crash_blaming_others = event(Kind::kEngineCrash, Phase::kBegin, "engine");
  crash_blaming_others.domain = Domain::kFabric;
  for (const Case& one :
       std::vector<Case>{{event(Kind::kHealth, Phase::kBegin, "policy"), "dpu", Domain::kPolicy},
                         {event(Kind::kHealth, Phase::kBegin, "vswitch"), "dpu", Domain::kDpu},
                         {application, "dpu", Domain::kApplication},
                         {event(Kind::kPeer, Phase::kBegin, "overlay", "b"), "dpu", Domain::kFabric},
                         {event(Kind::kLeaseLost, Phase::kBegin, "link"), "host", Domain::kDpu},
                         {event(Kind::kLeaseLost, Phase::kBegin, "link"), "dpu", Domain::kHost},
                         {event(Kind::kRefusedAccess, Phase::kPoint, "api"), "dpu", Domain::kFleet},
                         {refused_host, "dpu", Domain::kHost},
                         {crash_blaming_others, "dpu", Domain::kDpu},
                         {event(Kind::kStore, Phase::kBegin, "store"), "dpu", Domain::kDpu}}) {
    const Incidents incidents = played({{0, one.event, 1, one.side}});
    EXPECT_EQ(incidents.all().front().domain, one.domain) << one.event.message << " from " << one.side;
  }
}

TEST(Incidents, ALostPeerExplainsTheOverlayAndNothingElse) {
  const Incidents incidents = played({{0, event(Kind::kPeer, Phase::kBegin, "overlay", "b"), 1},
                                      {100, event(Kind::kHealth, Phase::kBegin, "overlay"), 2},
                                      {200, event(Kind::kHealth, Phase::kBegin, "policy"), 3}});
  EXPECT_EQ(incidents.find(2)->domain, Domain::kFabric);
  EXPECT_EQ(incidents.find(2)->cause, 1U);
  EXPECT_EQ(incidents.find(3)->domain, Domain::kPolicy);
}

TEST(Incidents, TheSameAgainIsCountedInOne) {
  const Event begin = event(Kind::kHealth, Phase::kBegin, "policy");
  const Event end = event(Kind::kHealth, Phase::kEnd, "policy");
  const Incidents incidents = played({{0, begin, 1},
                                      {10, begin, 1},
                                      {500, end, 1},
                                      {20'000, begin, 1},
                                      {20'100, end, 1},
                                      {60'000, begin, 2},
                                      {60'001, event(Kind::kHealth, Phase::kBegin, "vswitch"), 3}});
  EXPECT_EQ(incidents.find(1)->count, 3U);
  EXPECT_DOUBLE_EQ(incidents.find(1)->recover_ms, 500);
}

TEST(Incidents, OneFallbackThatBothSidesTellOfIsOne) {
  const auto fallback = [](Phase phase) { return event(Kind::kFallback, phase, "fallback", "host link"); };
  const Incidents incidents =
      played({{1000, fallback(Phase::kBegin), 1, "host"},
              {1200, fallback(Phase::kBegin), 1, "dpu"},
              {9000, fallback(Phase::kEnd), 1, "dpu"},
              {8990, fallback(Phase::kBegin), 1, "host"},  // shipped late, and no second one
              {9010, fallback(Phase::kEnd), 0, "host"},    // over already
              {12000, fallback(Phase::kBegin), 1, "dpu"}});
  EXPECT_EQ(incidents.all().front().count, 2U);
  EXPECT_EQ(incidents.all().size(), 1U);
}

TEST(Incidents, WhicheverSideKnowsSaysHowLongItTookToFindOut) {
  const Event by_dpu = event(Kind::kFallback, Phase::kBegin, "fallback", "host link");
  Event by_host = by_dpu;
  by_host.first_sign = by_host.time - absl::Milliseconds(2043);
  const Incidents incidents = played({{1200, by_dpu, 1, "dpu"}, {1000, by_host, 1, "host"}});
  EXPECT_DOUBLE_EQ(incidents.find(1)->detect_ms, 2043);
}

TEST(Incidents, WhatNobodyEndsIsOverWhenItIsQuiet) {
  Incidents incidents = played({{0, event(Kind::kRefusedAccess, Phase::kPoint, "api", "cn=x"), 1},
                                {50'000, event(Kind::kRefusedAccess, Phase::kPoint, "api", "cn=x"), 1}});
  incidents.tick(100'000 * kMs);
  EXPECT_EQ(incidents.find(1)->state, IncidentState::kOpen);
  incidents.tick(111'000 * kMs);
  EXPECT_EQ(incidents.find(1)->state, IncidentState::kOver);
  EXPECT_EQ(incidents.find(1)->count, 2U);
}

TEST(Incidents, PlannedWorkIsOneOnlyWhenItFails) {
  Event begun = event(Kind::kSwap, Phase::kBegin, "engine", "1.1");
  begun.severity = Severity::kInfo;
  const Event done = event(Kind::kSwap, Phase::kEnd, "engine", "1.1");
  Event failed = done;
  failed.severity = Severity::kError;
  EXPECT_TRUE(played({{0, begun, 0}, {100, done, 0}}).all().empty());
  const Incidents incidents =
      played({{0, begun, 0}, {100, failed, 1}, {200, begun, 0}, {300, failed, 1}, {400, done, 1}});
  EXPECT_EQ(incidents.find(1)->count, 2U);
  EXPECT_EQ(incidents.find(1)->state, IncidentState::kOver);
}

TEST(Incidents, ANoteIsARecordOnly) {
  EXPECT_TRUE(played({{0, event(Kind::kNote, Phase::kPoint, "agent"), 0}}).all().empty());
}

TEST(Incidents, OpenOnesSurviveARestartAndNumbersGoOn) {
  const TestFolder folder;
  Incidents before = played({{0, event(Kind::kEngineCrash, Phase::kBegin, "engine", "slot 0"), 1},
                             {10, event(Kind::kHealth, Phase::kBegin, "policy"), 2},
                             {20, event(Kind::kHealth, Phase::kEnd, "policy"), 2}});
  {
    IncidentFile file(folder.file("incidents.jsonl"));
    ASSERT_TRUE(file.save(before, before.take_changed()).ok());
    before.see(event(Kind::kPeer, Phase::kBegin, "overlay", "b"), "dpu", 30 * kMs);
    ASSERT_TRUE(file.save(before, before.take_changed()).ok());
  }
  std::ofstream(folder.file("incidents.jsonl"), std::ios::app) << R"({"number":4,"kind":"hea)";
  Incidents after;
  after.load(IncidentFile(folder.file("incidents.jsonl")).load(), 0, absl::Now());
  ASSERT_EQ(after.all().size(), 3U);
  EXPECT_EQ(after.find(2)->cause, 1U);
  EXPECT_EQ(after.find(2)->state, IncidentState::kOver);
  EXPECT_EQ(after.find(1)->state, IncidentState::kOpen);
  EXPECT_EQ(after.see(event(Kind::kHealth, Phase::kEnd, "engine"), "dpu", kMs), 1U) << "well again";
  EXPECT_EQ(after.see(event(Kind::kStore, Phase::kBegin, "store"), "dpu", kMs), 4U);
  after.tick(Incidents::kForgottenNs + 2 * kMs);
  EXPECT_EQ(after.find(3)->state, IncidentState::kOver) << "no word of the peer since the restart";
  EXPECT_EQ(after.find(4)->state, IncidentState::kOpen) << "seen by this agent";
}

TEST(Incidents, ThereAreNeverMoreThanTheMost) {
  Incidents incidents;
  for (int i = 0; i < 1200; ++i) {
    incidents.see(event(Kind::kRefusedAccess, Phase::kPoint, "api", std::to_string(i)), "dpu", i * kMs);
  }
  EXPECT_EQ(incidents.all().size(), Incidents::kMost);
  EXPECT_EQ(incidents.all().back().number, 1200U);
}

TEST(Rules, NoPairExplainsEachOther) {
  const Subjects same{"engine", "x", "engine", "x"};
  for (const KindRule& one : kind_rules()) {
    EXPECT_EQ(kind_named(one.name), one.kind);
    for (const KindRule& other : kind_rules()) {
      EXPECT_FALSE(cause_rank(one.kind, other.kind, same) >= 0 && cause_rank(other.kind, one.kind, same) >= 0)
          << std::string(one.name) << " and " << std::string(other.name);
    }
  }
}

}  // namespace
}  // namespace outrigger::agent
