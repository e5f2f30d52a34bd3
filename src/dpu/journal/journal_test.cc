#include "dpu/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/test_folder.h"

namespace outrigger::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kSoon = absl::Seconds(10);

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> open(size_t queue = 1000) {
    JournalOptions options;
    options.folder = folder_.file("journal");
    options.version = "0.9";
    options.queue = queue;
    options.journald = false;
    options.owner_of = [](const std::string& service) { return service == "policy" ? "netsec" : ""; };
    options.generation = [] { return uint64_t{17}; };
    auto journal = Journal::open(std::move(options));
    EXPECT_TRUE(journal.ok()) << journal.status();
    return *std::move(journal);
  }

  static Event event(Kind kind, Phase phase, const std::string& service, const std::string& message = "m") {
    Event one;
    one.kind = kind;
    one.phase = phase;
    one.severity = phase == Phase::kEnd ? Severity::kInfo : Severity::kError;
    one.service = service;
    one.message = message;
    return one;
  }

  static Record shipped(uint64_t cursor, const std::string& message) {
    return {.time = absl::Now(),
            .monotonic_ns = monotonic_now_ns(),
            .side = "host",
            .service = "host",
            .owner = "an owner the host made up",
            .message = message,
            .cursor = cursor};
  }

  static std::vector<std::string> messages(const std::vector<Record>& records) {
    std::vector<std::string> found;
    for (const Record& record : records) found.push_back(record.message);
    return found;
  }

  TestFolder folder_;
};

TEST_F(JournalTest, WhatIsNoIncidentIsSetAsideAndTold) {
  {
    const auto journal = open();
    journal->record(event(Kind::kStore, Phase::kBegin, "store"));
  }
  const std::string file = folder_.file("journal/incidents.jsonl");
  std::ofstream(file, std::ios::app) << "rubbish\n{}\n";
  {
    const auto journal = open();
    EXPECT_EQ(journal->incidents().size(), 1U);
    EXPECT_TRUE(journal->flush(kSoon));
    EXPECT_THAT(messages(journal->read({})), Contains(HasSubstr(" line 2: not an incident; 2 such lines")));
  }
  EXPECT_TRUE(std::filesystem::exists(file + ".damaged"));
  const auto journal = open();
  EXPECT_EQ(journal->incidents().size(), 1U);
  EXPECT_TRUE(journal->flush(kSoon));
  const auto told = messages(journal->read({}));
  EXPECT_EQ(
      std::ranges::count_if(told, [](const auto& one) { return one.find("not an incident") != one.npos; }),
      1);
}

TEST_F(JournalTest, ARecordHasItsOwnerGenerationAndIncident) {
  const auto journal = open();
  journal->record(event(Kind::kHealth, Phase::kBegin, "policy", "verdicts are wrong"));
  journal->record(event(Kind::kNote, Phase::kPoint, "engine", "hello"));
  ASSERT_TRUE(journal->flush(kSoon));
  const auto records = journal->read({});
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].owner, "netsec");
  EXPECT_EQ(records[0].incident, "inc-1");
  EXPECT_EQ(records[0].domain, Domain::kPolicy);
  EXPECT_EQ(records[0].generation, 17U);
  EXPECT_EQ(records[0].evidence.at("phase"), "begin");
  EXPECT_EQ(records[1].owner, Journal::kNobody);
  EXPECT_EQ(records[1].incident, "");
  for (const auto& stream : journal->streams()) EXPECT_EQ(stream.declared, stream.service == "policy");
}

TEST_F(JournalTest, LogLinesOfAnIllServiceBelongToItsIncident) {
  const auto journal = open();
  journal->record(event(Kind::kEngineCrash, Phase::kBegin, "engine"));
  journal->log({.service = "engine", .severity = Severity::kError, .message = "segfault"});
  journal->log({.service = "engine", .message = "an ordinary line"});
  ASSERT_TRUE(journal->flush(kSoon));
  EXPECT_THAT(messages(journal->read({.incidents = {"inc-1"}})), ElementsAre("m", "segfault"));
}

TEST_F(JournalTest, WhatTheQueueHadNoRoomForIsCountedAndSaidOnce) {
  const auto journal = open(4);
  for (int i = 0; i < 20'000; ++i) journal->log({.service = "engine", .message = "flood"});
  ASSERT_TRUE(journal->flush(kSoon));
  journal->log({.service = "agent", .message = "after"});
  ASSERT_TRUE(journal->flush(kSoon));
  uint64_t lost = 0, written = 0;
  for (const Record& record : journal->read({.limit = 30'000})) {
    if (record.service == "journal") lost += std::stoull(record.evidence.at("engine"));
    written += record.message == "flood" ? 1 : 0;
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(lost + written, 20'000U);
  for (const auto& stream : journal->streams()) {
    EXPECT_EQ(stream.dropped, stream.service == "engine" ? lost : 0U);
  }
}

TEST_F(JournalTest, HostRecordsAreKeptOnceAndAreNobodysClaim) {
  auto journal = open();
  EXPECT_EQ(*journal->keep({shipped(5, "a"), shipped(6, "b")}, 3), 6U);
  EXPECT_EQ(*journal->keep({shipped(5, "a"), shipped(6, "b"), shipped(7, "c")}, 3), 7U);
  journal.reset();
  journal = open();
  EXPECT_EQ(*journal->keep({shipped(6, "b"), shipped(8, "d")}, 3), 8U);
  EXPECT_FALSE(journal->keep({shipped(0, "no cursor")}, 3).ok());
  const auto records = journal->read({});
  EXPECT_THAT(messages(records), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(records[0].side, "host");
  EXPECT_EQ(records[0].owner, Journal::kNobody);
  EXPECT_EQ(records[0].cursor, 5U);
}

TEST_F(JournalTest, AHostMayReportItsOwnTroublesAndNoOthers) {
  const auto journal = open();
  Record lease = shipped(1, "the lease ran out");
  lease.evidence = {{"kind", "lease_lost"}, {"phase", "begin"}};
  Record forged = shipped(2, "your engine crashed, believe me");
  forged.evidence = {{"kind", "engine_crash"}, {"phase", "begin"}};
  ASSERT_TRUE(journal->keep({lease, forged}, 0).ok());
  const auto incidents = journal->incidents();
  ASSERT_EQ(incidents.size(), 1U);
  EXPECT_EQ(incidents[0].kind, Kind::kLeaseLost);
  EXPECT_EQ(incidents[0].domain, Domain::kDpu);
}

// How long it took to find out is known where it was found out.
TEST_F(JournalTest, AHostSaysHowLongItTookToFindOut) {
  const auto journal = open();
  Record fallback = shipped(1, "fallback active: the DPU's lease has expired");
  fallback.evidence = {{"kind", "fallback"}, {"phase", "begin"}, {"detect_ms", "2043"}};
  Record nonsense = shipped(2, "the lease ran out");
  nonsense.evidence = {{"kind", "lease_lost"}, {"phase", "begin"}, {"detect_ms", "-1e99"}};
  ASSERT_TRUE(journal->keep({fallback, nonsense}, 0).ok());
  const auto incidents = journal->incidents();
  ASSERT_EQ(incidents.size(), 2U);
  EXPECT_DOUBLE_EQ(incidents[0].detect_ms, 2043);
  EXPECT_LT(incidents[1].detect_ms, 0);
}

TEST_F(JournalTest, BothSidesInTheOrderOfTime) {
  const auto journal = open();
  journal->log({.service = "agent", .message = "1"});
  ASSERT_TRUE(journal->flush(kSoon));
  ASSERT_TRUE(journal->keep({shipped(1, "2")}, 0).ok());
  journal->log({.service = "agent", .message = "3"});
  ASSERT_TRUE(journal->flush(kSoon));
  EXPECT_THAT(messages(journal->read({})), ElementsAre("1", "2", "3"));
}

TEST_F(JournalTest, FollowingTellsWhatWasAndThenWhatComes) {
  const auto journal = open();
  journal->log({.service = "agent", .message = "before"});
  journal->log({.service = "engine", .message = "not asked for"});
  ASSERT_TRUE(journal->flush(kSoon));
  Journal::Follower follower(*journal, {.service = "agent"});
  EXPECT_THAT(messages(follower.next()), ElementsAre("before"));
  EXPECT_THAT(follower.next(), testing::IsEmpty());
  journal->log({.service = "agent", .message = "after"});
  ASSERT_TRUE(journal->flush(kSoon));
  EXPECT_THAT(messages(follower.next()), ElementsAre("after"));
}

TEST_F(JournalTest, IncidentsAndRecordsSurviveTheAgent) {
  auto journal = open();
  journal->record(event(Kind::kPeer, Phase::kBegin, "overlay", "peer b is silent"));
  journal.reset();
  journal = open();
  ASSERT_EQ(journal->incidents().size(), 1U);
  EXPECT_EQ(journal->incidents()[0].state, IncidentState::kOpen);
  journal->record(event(Kind::kPeer, Phase::kEnd, "overlay", "peer b answers"));
  ASSERT_TRUE(journal->flush(kSoon));
  EXPECT_EQ(journal->incidents()[0].state, IncidentState::kOver);
  EXPECT_THAT(messages(journal->read({.incidents = {"inc-1"}})),
              ElementsAre("peer b is silent", "peer b answers"));
}

TEST_F(JournalTest, AFullDiskIsAnIncidentThatEnds) {
  const auto journal = open();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &none);
  for (int i = 0; i < 10; ++i) journal->log({.service = "agent", .message = "lost"});
  ASSERT_TRUE(journal->flush(kSoon));
  ASSERT_EQ(journal->incidents().size(), 1U);
  EXPECT_EQ(journal->incidents()[0].kind, Kind::kStore);
  EXPECT_EQ(journal->incidents()[0].state, IncidentState::kOpen);
  setrlimit(RLIMIT_FSIZE, &before);
  journal->log({.service = "agent", .message = "kept"});
  ASSERT_TRUE(journal->flush(kSoon));
  EXPECT_EQ(journal->incidents()[0].state, IncidentState::kOver);
  EXPECT_THAT(messages(journal->read({})), Contains(HasSubstr("10 were lost")));
}

}  // namespace
}  // namespace outrigger::agent
