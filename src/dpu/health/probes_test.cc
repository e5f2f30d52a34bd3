#include "dpu/health/probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/test_folder.h"
#include "dpu/health/fake_wire.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr absl::Duration kTimeout = absl::Seconds(1);

TEST(Verdict, AllowedArriveAndDeniedDoNot) {
  for (const bool hints : {true, false}) {
    FakeWire wire;
    wire.hints = hints;
    const Probe probe = verdict_probe(wire.sources(), kTimeout);
    for (int i = 0; i < 5; ++i) {
      const Finding found = probe();
      EXPECT_EQ(found.outcome, ProbeOutcome::kPass) << found.reason;
      EXPECT_EQ(found.latency, absl::Microseconds(5));
    }
  }
}

// Flows new each time and flows that are the same, over TCP and UDP.
TEST(Verdict, TriesFreshAndKnownFlows) {
  FakeWire wire;
  const Probe probe = verdict_probe(wire.sources(), kTimeout);
  for (int i = 0; i < 4; ++i) (void)probe();
  std::set<uint16_t> fresh;
  std::map<std::string, int> known;
  for (const packet::PacketInfo& info : wire.seen) {
    if (info.source_port() >= 20000)
      fresh.insert(info.source_port());
    else
      ++known[absl::StrCat(info.key.protocol(), ">", info.destination_port())];
  }
  EXPECT_THAT(fresh, SizeIs(4));
  EXPECT_EQ(known["6>7"], 2);
  EXPECT_EQ(known["17>7"], 2);
  EXPECT_EQ(known["17>9"], 2);
}

TEST(Verdict, SeesEachWayToBeWrong) {
  struct {
    const char* what;
    std::function<void(FakeWire&)> harm;
    ProbeOutcome outcome;
    const char* reason;
  } const rows[] = {
      {"a leak", [](FakeWire& w) { w.leaks = true; }, ProbeOutcome::kFail,
       "a packet denied by a rule arrived"},
      {"a dead path", [](FakeWire& w) { w.deaf = true; }, ProbeOutcome::kFail,
       "an allowed packet of a fresh flow did not"},
      {"stuck sessions", [](FakeWire& w) { w.known_stuck = true; }, ProbeOutcome::kFail,
       "of a known flow did not arrive"},
      {"no engine", [](FakeWire& w) { w.broken = absl::UnavailableError("gone"); }, ProbeOutcome::kFail,
       "gone"},
      {"no probe ports", [](FakeWire& w) { w.broken = absl::UnimplementedError("no probe ports yet"); },
       ProbeOutcome::kNothing, "nothing to probe with"},
  };
  for (const auto& row : rows) {
    FakeWire wire;
    const Probe probe = verdict_probe(wire.sources(), kTimeout);
    for (int i = 0; i < 2; ++i) ASSERT_EQ(probe().outcome, ProbeOutcome::kPass);
    row.harm(wire);
    const Finding found = probe();
    EXPECT_EQ(found.outcome, row.outcome) << row.what;
    EXPECT_THAT(found.reason, HasSubstr(row.reason)) << row.what;
  }
}

TEST(Verdict, WithoutANodeThereIsNothingToProbe) {
  FakeWire wire;
  ProbeSources sources = wire.sources();
  sources.plan = [] { return std::nullopt; };
  EXPECT_EQ(verdict_probe(sources, kTimeout)().outcome, ProbeOutcome::kNothing);
  EXPECT_EQ(loopback_probe(sources, kTimeout)().outcome, ProbeOutcome::kNothing);
  EXPECT_EQ(peer_probe(sources, kTimeout, nullptr)().outcome, ProbeOutcome::kNothing);
}

TEST(Loopback, ArrivesAndLooksAtRoomAndLinks) {
  FakeWire wire;
  wire.figures.capacity = {{"sessions", 1000, 900}, {"small", 4, 4}};
  EXPECT_EQ(loopback_probe(wire.sources(), kTimeout)().outcome, ProbeOutcome::kPass);
  wire.figures.capacity[0].used = 901;
  Finding found = loopback_probe(wire.sources(), kTimeout)();
  EXPECT_EQ(found.outcome, ProbeOutcome::kTrouble);
  EXPECT_EQ(found.reason, "sessions 901 of 1000");
  wire.figures.capacity.clear();
  ProbeSources sources = wire.sources();
  sources.links_down = [] { return std::vector<std::string>{"shop/web-1"}; };
  EXPECT_EQ(loopback_probe(sources, kTimeout)().reason, "no link on shop/web-1");
  wire.deaf = true;
  EXPECT_EQ(loopback_probe(wire.sources(), kTimeout)().outcome, ProbeOutcome::kFail);
}

TEST(Peer, AllSomeOrNone) {
  FakeWire wire;
  Heard heard;
  const Probe alone = peer_probe(wire.sources(), kTimeout, &heard);
  EXPECT_EQ(alone().outcome, ProbeOutcome::kNothing);
  for (const char* name : {"host-b", "host-c", "host-d", "host-e", "host-f", "host-g"}) wire.peer(name);
  const Probe probe = peer_probe(wire.sources(), kTimeout, &heard);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(probe().outcome, ProbeOutcome::kPass);
  EXPECT_EQ(probe().reason, "6 of 6 peers answer");
  wire.away = {"host-d"};
  Finding found;
  for (int i = 0; i < 6; ++i) found = probe();
  EXPECT_EQ(found.outcome, ProbeOutcome::kTrouble);
  EXPECT_EQ(found.reason, "no answer from host-d (no answer)");
  ASSERT_THAT(heard.all, SizeIs(1));
  EXPECT_EQ(heard.all[0].subject, "peer host-d");
  EXPECT_EQ(heard.all[0].phase, Phase::kBegin);
  EXPECT_LT(heard.all[0].first_sign, heard.all[0].time);
  wire.deaf = true;
  for (int i = 0; i < 2; ++i) found = probe();
  EXPECT_EQ(found.outcome, ProbeOutcome::kFail);
  wire.deaf = false;
  wire.away.clear();
  for (int i = 0; i < 2; ++i) found = probe();
  EXPECT_EQ(found.outcome, ProbeOutcome::kPass);
  EXPECT_EQ(heard.all.back().phase, Phase::kEnd);
}

TEST(Heartbeat, RowsOfBeats) {
  struct {
    std::vector<BeatView> beats;
    ProbeOutcome outcome;
    const char* reason;
  } const rows[] = {
      {{{0, 7, 3, "receive", true}, {1, 9, 5, "", true}}, ProbeOutcome::kPass, "2 workers turn"},
      {{{0, 7, 3, "", true}, {1, 9, 1500, "decide", true}},
       ProbeOutcome::kFail,
       "worker 1 has made no turn for 1500 ms, in decide"},
      {{{0, 7, 3, "", false}}, ProbeOutcome::kFail, "nobody has the queues of worker 0"},
  };
  for (const auto& row : rows) {
    ProbeSources sources;
    sources.beats = [&row] { return row.beats; };
    const Finding found = heartbeat_probe(sources, absl::Seconds(1))();
    EXPECT_EQ(found.outcome, row.outcome);
    EXPECT_EQ(found.reason, row.reason);
  }
}

TEST(Heartbeat, InSoloModeTurnsMustGrow) {
  ProbeSources sources;
  engine::Figures figures;
  sources.figures = [&figures] { return figures; };
  const Probe probe = heartbeat_probe(sources, absl::Seconds(1));
  EXPECT_EQ(probe().outcome, ProbeOutcome::kFail);  // it does not answer
  figures.workers = {{.worker = 0, .turns = 5}};
  EXPECT_EQ(probe().outcome, ProbeOutcome::kPass);
  EXPECT_EQ(probe().outcome, ProbeOutcome::kFail);
  EXPECT_EQ(heartbeat_probe({}, absl::Seconds(1))().outcome, ProbeOutcome::kNothing);
}

TEST(Store, IsWrittenAndReadBack) {
  TestFolder folder;
  EXPECT_TRUE(write_and_read(folder.path()).ok());
  EXPECT_FALSE(write_and_read(folder.path() + "/none").ok());
  ProbeSources sources;
  EXPECT_EQ(store_probe(sources)().outcome, ProbeOutcome::kNothing);
  sources.store = [] { return absl::ResourceExhaustedError("disk full"); };
  EXPECT_EQ(store_probe(sources)().reason, "disk full");
}

}  // namespace
}  // namespace outrigger::agent
