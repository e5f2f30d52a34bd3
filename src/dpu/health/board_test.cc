#include "dpu/health/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dpu/health/fake_wire.h"
#include "dpu/health/health.h"
#include "dpu/health/reach.h"
#include "manifest/read.h"

namespace outrigger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1000);

Board::Entry entry(const std::string& service) {
  Board::Entry made{service, "1.0", "verdict", "netsec", Domain::kPolicy, {}};
  made.rules.silence = absl::Seconds(3);
  return made;
}

std::vector<std::string> phases(const Heard& heard) {
  std::vector<std::string> out;
  for (const Event& event : heard.all) {
    constexpr const char* kPhases[] = {"point", "begin", "act", "end"};
    out.push_back(absl::StrCat(kPhases[static_cast<size_t>(event.phase)], " ", event.message));
  }
  return out;
}

TEST(Board, LeavingReadyBeginsAnIncidentAndReadyEndsIt) {
  Heard heard;
  Board board(&heard);
  board.add(entry("policy"), kStart);
  absl::Time now = kStart;
  const auto note = [&](ProbeOutcome outcome, const char* reason) {
    for (int i = 0; i < 3; ++i) board.note("policy", {outcome, reason}, now += absl::Milliseconds(200));
  };
  EXPECT_EQ(board.of("policy").health, Health::kStarting);
  note(ProbeOutcome::kPass, "fine");
  note(ProbeOutcome::kFail, "it leaks");
  note(ProbeOutcome::kTrouble, "slow");
  note(ProbeOutcome::kPass, "fine");
  EXPECT_THAT(phases(heard),
              ElementsAre("end policy: starting -> ready: fine", "begin policy: ready -> failed: it leaks",
                          "point policy: failed -> degraded: slow", "end policy: degraded -> ready: fine"));
  EXPECT_EQ(heard.all[1].domain, Domain::kPolicy);
  EXPECT_EQ(heard.all[1].evidence.at("owner"), "netsec");
  EXPECT_EQ(heard.all[1].time - heard.all[1].first_sign, absl::Milliseconds(400));  // from the first failure
  const ServiceState state = board.of("policy");
  EXPECT_EQ(state.health, Health::kReady);
  EXPECT_EQ(state.succeeded, 9u);
  EXPECT_EQ(state.failed, 3u);
  EXPECT_EQ(state.flaps, 1u);
  EXPECT_EQ(board.transitions()["policy"], 4u);
}

TEST(Board, SilenceBeginsAnIncidentToo) {
  Heard heard;
  Board board(&heard);
  board.add(entry("policy"), kStart);
  for (int i = 1; i <= 3; ++i) board.note("policy", {ProbeOutcome::kPass, "fine"}, kStart + absl::Seconds(i));
  board.tick(kStart + absl::Seconds(6));
  EXPECT_EQ(board.of("policy").health, Health::kReady);
  board.tick(kStart + absl::Seconds(7));
  EXPECT_EQ(board.of("policy").health, Health::kUnknown);
  EXPECT_FALSE(board.of("policy").nothing_to_probe);
  EXPECT_EQ(heard.all.back().phase, Phase::kBegin);
  EXPECT_EQ(board.of("policy").reason, "no result for 3s");
}

// Who wakes up from a freeze finds every result old, and no service is to blame.
TEST(Board, OurOwnAbsenceIsNobodysSilence) {
  Heard heard;
  Board board(&heard);
  board.add(entry("policy"), kStart);
  for (int i = 1; i <= 3; ++i) board.note("policy", {ProbeOutcome::kPass, "fine"}, kStart + absl::Seconds(i));
  const size_t told = heard.all.size();
  board.forgive(absl::Seconds(10), kStart + absl::Seconds(13));
  board.tick(kStart + absl::Seconds(13));
  EXPECT_EQ(board.of("policy").health, Health::kReady);
  EXPECT_EQ(heard.all.size(), told);
  board.forgive(absl::Seconds(10), kStart + absl::Seconds(14));  // more than there was: not beyond now
  board.tick(kStart + absl::Seconds(19));
  EXPECT_EQ(board.of("policy").health, Health::kUnknown) << "silent since, while we were there";
}

TEST(Board, NothingToProbeIsNoIncidentAndNotReady) {
  Heard heard;
  Board board(&heard);
  board.add(entry("overlay"), kStart);
  board.note("overlay", {ProbeOutcome::kNothing, "nothing to probe: no peers"}, kStart);
  EXPECT_EQ(board.of("overlay").health, Health::kUnknown);
  EXPECT_TRUE(board.of("overlay").nothing_to_probe);
  EXPECT_EQ(heard.all.back().phase, Phase::kPoint);
  EXPECT_EQ(board.overall(), Health::kUnknown);  // nothing is known of anything
  board.add(entry("policy"), kStart);
  for (int i = 0; i < 3; ++i) board.note("policy", {ProbeOutcome::kPass, "fine"}, kStart);
  EXPECT_EQ(board.overall(), Health::kReady);
  board.add(entry("vswitch"), kStart);
  EXPECT_EQ(board.overall(), Health::kStarting);
  board.remove("vswitch");
  EXPECT_EQ(board.overall(), Health::kReady);
}

// A sidecar that is taken away while it is ill would leave an incident that nobody ever ends.
TEST(Board, WhatIsTakenAwayEndsItsIncidentAndIsReadyToNobody) {
  Heard heard;
  Board board(&heard);
  std::vector<Health> told;
  (void)board.watch([&](const ServiceState& state) { told.push_back(state.health); });
  board.add(entry("bgp"), kStart);
  for (int i = 0; i < 3; ++i) board.note("bgp", {ProbeOutcome::kFail, "refused"}, kStart);
  board.remove("bgp");
  ASSERT_EQ(heard.all.size(), 2u);
  EXPECT_EQ(heard.all[0].phase, Phase::kBegin);
  EXPECT_EQ(heard.all[1].phase, Phase::kEnd);
  EXPECT_EQ(heard.all[1].subject, heard.all[0].subject);
  EXPECT_THAT(told, ElementsAre(Health::kStarting, Health::kFailed, Health::kUnknown));
  board.remove("bgp");
  EXPECT_EQ(heard.all.size(), 2u);
}

TEST(Board, ListenersHearChangesUntilForgotten) {
  Board board(nullptr);
  board.add(entry("policy"), kStart);
  std::vector<Health> heard;
  const uint64_t watcher = board.watch([&](const ServiceState& state) {
    heard.push_back(state.health);
    EXPECT_EQ(board.of("policy").health, state.health);  // may ask back
  });
  for (int i = 0; i < 5; ++i) board.note("policy", {ProbeOutcome::kPass, "fine"}, kStart);
  EXPECT_THAT(heard, ElementsAre(Health::kReady));
  board.forget(watcher);
  for (int i = 0; i < 5; ++i) board.note("policy", {ProbeOutcome::kFail, "bad"}, kStart);
  EXPECT_THAT(heard, ElementsAre(Health::kReady));
}

TEST(Board, WorstComesFirst) {
  using H = Health;
  EXPECT_EQ(worst({H::kReady, H::kReady}), H::kReady);
  EXPECT_EQ(worst({H::kReady, H::kStarting}), H::kStarting);
  EXPECT_EQ(worst({H::kDegraded, H::kStarting}), H::kDegraded);
  EXPECT_EQ(worst({H::kUnknown, H::kDegraded}), H::kUnknown);
  EXPECT_EQ(worst({H::kUnknown, H::kFailed}), H::kFailed);
  EXPECT_EQ(worst({}), H::kUnknown);
}

bool soon(const std::function<bool()>& holds) {
  for (int i = 0; i < 500; ++i) {
    if (holds()) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

// One probe that never comes back; the other goes on, and what hangs is unknown.
TEST(Runner, AHangingProbeHoldsUpNoOther) {
  Board board(nullptr);
  for (const char* name : {"hangs", "works"}) {
    Board::Entry one = entry(name);
    one.rules.silence = absl::Milliseconds(300);
    board.add(one);
  }
  std::mutex mutex;
  std::condition_variable wake;
  bool release = false;
  {
    Runner runner(board);
    runner.add(
        "hangs",
        [&]() -> Finding {
          std::unique_lock lock(mutex);
          wake.wait(lock, [&] { return release; });
          return {ProbeOutcome::kPass, "late"};
        },
        absl::Milliseconds(20));
    runner.add(
        "works",
        [] {
          return Finding{ProbeOutcome::kPass, "fine"};
        },
        absl::Milliseconds(20));
    EXPECT_TRUE(soon([&] {
      return board.of("hangs").health == Health::kUnknown && board.of("works").health == Health::kReady;
    }));
    const uint64_t before = board.of("works").succeeded;
    EXPECT_TRUE(soon([&] { return board.of("works").succeeded > before + 3; }));
    runner.remove("hangs");  // does not wait
    const std::lock_guard lock(mutex);
    release = true;
    wake.notify_all();
  }
  EXPECT_EQ(board.of("hangs").health, Health::kUnknown);  // what came too late was not told
}

// Stopped and continued, as `lab freeze` does: the clock of silence goes off before any probe has come back.
TEST(Runner, AFrozenAgentBlamesNobody) {
  const pid_t child = fork();
  if (child == 0) {
    Heard heard;
    Board board(&heard);
    Board::Entry one = entry("policy");
    one.rules.silence = absl::Milliseconds(1200);
    board.add(one);
    {
      Runner runner(board);
      const auto probe = [] {
        for (int i = 0; i < 30; ++i) absl::SleepFor(absl::Milliseconds(10));
        return Finding{ProbeOutcome::kPass, "fine"};
      };
      runner.add("policy", probe, absl::Milliseconds(310), absl::Milliseconds(310));
      if (!soon([&] { return board.of("policy").health == Health::kReady; })) _exit(2);
      (void)raise(SIGSTOP);
      absl::SleepFor(absl::Milliseconds(600));
    }
    _exit(std::any_of(heard.all.begin(), heard.all.end(),
                      [](const Event& event) { return event.phase == Phase::kBegin; }));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  absl::SleepFor(absl::Seconds(2));
  (void)kill(child, SIGCONT);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: an incident, 2: never ready";
}

// The store is probed every two seconds; a node that has just begun must not wait six for its readiness.
TEST(Runner, ThoseThatPassAreAskedAgainSoonInTheBeginning) {
  Board board(nullptr);
  std::atomic<int> passes = 0, failures = 0;
  board.add(entry("passes"));
  board.add(entry("fails"));
  Runner runner(board);
  const auto add = [&](const char* name, std::atomic<int>& count, ProbeOutcome outcome) {
    runner.add(
        name,
        [&count, outcome] {
          return ++count, Finding{outcome, ""};
        },
        absl::Hours(1), absl::Milliseconds(5));
  };
  add("passes", passes, ProbeOutcome::kPass);
  add("fails", failures, ProbeOutcome::kFail);
  EXPECT_TRUE(soon([&] { return board.of("passes").health == Health::kReady; }));
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(passes, 3);    // ready: from now on at its pace
  EXPECT_EQ(failures, 1);  // three failures are a matter of three intervals, as always
}

std::vector<manifest::Object> objects(const char* text) {
  std::vector<manifest::Object> out;
  manifest::Reading reading = manifest::read(text, "test.yaml");
  EXPECT_TRUE(reading.faults.empty()) << reading.faults.front().str();
  for (manifest::Document& document : reading.documents) out.push_back(std::move(document.object));
  return out;
}

constexpr char kContracts[] = R"(kind: Service
metadata: {name: policy}
spec:
  version: 1.4.0
  task: policy
  health: {probe: verdict, interval: 50ms, failAfter: 2, readyAfter: 1}
  logs: {owner: mine}
  fallback: [closed]
---
kind: Service
metadata: {name: dns}
spec:
  version: "2"
  task: agent
  health: {probe: tcp, port: 1, interval: 50ms, failAfter: 1}
  logs: {owner: names}
  fallback: [open]
  agent: {command: [/usr/sbin/dns]}
)";

TEST(HealthOfNode, ProbesBuiltInsAndWhatServicesAskFor) {
  FakeWire wire;
  Heard heard;
  HealthOfNode health({.sources = {}, .engine_version = "0.1.0"}, heard);
  std::vector<std::string> names;
  for (const ServiceState& state : health.board().all()) names.push_back(state.service);
  EXPECT_THAT(names, ElementsAre("engine", "overlay", "policy", "store", "vswitch"));
  EXPECT_EQ(health.owner("policy"), "netsec");
  EXPECT_EQ(health.board().of("policy").version, "0.1.0");
  const std::vector<manifest::Object> list = objects(kContracts);
  health.reload({&list[0], &list[1]});
  EXPECT_EQ(health.owner("policy"), "mine");
  EXPECT_EQ(health.owner("dns"), "names");
  EXPECT_EQ(health.board().of("dns").version, "2");
  EXPECT_TRUE(soon([&] { return health.board().of("dns").health == Health::kFailed; }));  // nobody on port 1
  EXPECT_THAT(health.board().of("dns").reason, HasSubstr("127.0.0.1:1: Connection refused"));
  health.reload({});
  EXPECT_EQ(health.owner("policy"), "netsec");
  EXPECT_EQ(health.board().of("dns").reason, "nobody probes it");
}

class Ends : public Events {
 public:
  void record(Event event) override {
    const std::lock_guard lock(mutex_);
    phases_[event.subject].push_back(event.phase);
  }
  std::vector<Phase> of(const std::string& subject) {
    const std::lock_guard lock(mutex_);
    return phases_[subject];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<Phase>> phases_;
};

// Otherwise the incident of a peer that was away when engines were changed would never end.
TEST(HealthOfNode, ProbesOfTheEngineOutliveItsVersion) {
  std::atomic<bool> away = true;
  ProbeSources sources;
  sources.plan = [] {
    compiler::HealthPlan plan{compiler::probe_end("host-a", false), compiler::probe_end("host-a", true), {}};
    plan.peers.push_back({"host-b", compiler::probe_end("host-b", false)});
    return std::optional(plan);
  };
  sources.echo = [&away](PortId, std::span<const uint8_t>, uint64_t, unsigned) {
    engine::Echo echo;
    echo.arrived = !away;
    return absl::StatusOr<engine::Echo>(echo);
  };
  Ends events;
  HealthOfNode health({.sources = sources, .engine_version = "0.1.0"}, events);
  EXPECT_TRUE(soon([&] { return events.of("peer host-b") == std::vector{Phase::kBegin}; }));
  health.set_engine_version("0.2.0");
  EXPECT_EQ(health.board().of("overlay").version, "0.2.0");
  away = false;
  EXPECT_TRUE(soon([&] { return events.of("peer host-b") == std::vector{Phase::kBegin, Phase::kEnd}; }));
}

TEST(Reach, ExecByItsExitCode) {
  const std::vector<manifest::Object> list = objects(kContracts);
  auto service = std::get<manifest::Service>(list[1]);
  service.health.probe = manifest::Service::Probe::kExec;
  service.health.command = {"/bin/check"};
  ProbeSources sources;
  EXPECT_EQ(reach_probe(sources, service)().outcome, ProbeOutcome::kNothing);
  absl::StatusOr<int> code = 0;
  sources.exec = [&code](const std::string& name, const std::vector<std::string>&, absl::Duration) {
    EXPECT_EQ(name, "dns");
    return code;
  };
  EXPECT_EQ(reach_probe(sources, service)().outcome, ProbeOutcome::kPass);
  code = 3;
  EXPECT_EQ(reach_probe(sources, service)().reason, "/bin/check ended with 3");
  code = absl::DeadlineExceededError("no answer in time");
  EXPECT_EQ(reach_probe(sources, service)().outcome, ProbeOutcome::kFail);
}

}  // namespace
}  // namespace outrigger::agent
