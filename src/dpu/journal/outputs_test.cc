#include "dpu/journal/outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"
#include "dpu/journal/answers.h"
#include "dpu/journal/log_sink.h"

namespace outrigger::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kSoon = absl::Seconds(10);

class OutputsTest : public testing::Test {
 protected:
  OutputsTest() {
    JournalOptions options;
    options.folder = folder_.file("journal");
    options.journald = false;
    journal_ = *Journal::open(std::move(options));
  }

  void append(const std::string& text) { std::ofstream(log_, std::ios::app) << text; }

  std::vector<std::string> messages(const LogQuery& query = {}) {
    EXPECT_TRUE(journal_->flush(kSoon));
    std::vector<std::string> found;
    for (const Record& record : journal_->read(query)) found.push_back(record.message);
    return found;
  }

  TestFolder folder_;
  const std::string log_ = folder_.file("engine.log");
  const std::string positions_ = folder_.file("positions");
  std::unique_ptr<Journal> journal_;
};

TEST_F(OutputsTest, LinesOfAFileBecomeRecordsEachOnce) {
  append("one\nEAL: Error: no huge pages\nhal");
  {
    Outputs outputs(*journal_, positions_);
    outputs.follow_file(log_, {"engine", "1.2", "slot 0"});
    outputs.look();
    append("f\n");
    outputs.look();
  }
  append("while the agent was dead\n");
  {
    Outputs outputs(*journal_, positions_);
    outputs.follow_file(log_, {"engine", "1.2", "slot 0"});
    outputs.look();
  }
  EXPECT_THAT(messages(),
              ElementsAre("one", "EAL: Error: no huge pages", "half", "while the agent was dead"));
  const Record record = journal_->read({})[1];
  EXPECT_EQ(record.severity, Severity::kError);
  EXPECT_EQ(record.service, "engine");
  EXPECT_EQ(record.version, "1.2");
  EXPECT_EQ(record.evidence.at("subject"), "slot 0");
}

TEST_F(OutputsTest, AFileThatIsReplacedOrCutShortIsReadFromItsBegin) {
  Outputs outputs(*journal_, positions_);
  outputs.follow_file(log_, {"engine"});
  append("a long first line\n");
  outputs.look();
  std::filesystem::rename(log_, log_ + ".1");
  append("new file\n");
  outputs.look();
  std::filesystem::resize_file(log_, 0);
  outputs.look();
  append("again\n");
  outputs.look();
  EXPECT_THAT(messages(), ElementsAre("a long first line", "new file", "again"));
}

TEST_F(OutputsTest, APipeUntilItsWriterIsGone) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Outputs outputs(*journal_, positions_);
    outputs.follow_pipe(ends[0], {"bgp"});
    ASSERT_EQ(write(ends[1], "up\nno end", 9), 9);
    close(ends[1]);
  }
  EXPECT_THAT(messages({.service = "bgp"}), ElementsAre("up", "no end"));
}

TEST_F(OutputsTest, AFloodIsCutAndCounted) {
  for (int i = 0; i < 2000; ++i) append("x\n");
  {
    Outputs outputs(*journal_, positions_);
    outputs.follow_file(log_, {"engine"});
  }
  const auto found = messages({.limit = 5000});
  EXPECT_EQ(found.size(), 501U);
  EXPECT_EQ(found.back(), "1500 lines of it came too fast and were left out");
}

TEST_F(OutputsTest, ALongFileGivesItsRoomBack) {
  append(std::string(9 << 20, 'x') + "\n");
  Outputs outputs(*journal_, positions_);
  outputs.follow_file(log_, {"engine"});
  for (int i = 0; i < 5; ++i) outputs.look();
  append("end\n");
  outputs.look();
  EXPECT_EQ(messages({.limit = 100'000}).back(), "end");
}

TEST_F(OutputsTest, TheDaemonsOwnLinesToo) {
  {
    const LogTap tap(*journal_);
    spdlog::warn("disk {} is slow", "nvme0");
  }
  spdlog::warn("after the tap is closed");
  EXPECT_THAT(messages(), ElementsAre("disk nvme0 is slow"));
  EXPECT_EQ(journal_->read({})[0].severity, Severity::kWarning);
}

Event event(Kind kind, const std::string& service) {
  Event one;
  one.kind = kind;
  one.phase = Phase::kBegin;
  one.service = service;
  one.message = absl::StrCat(service, " fails");
  return one;
}

TEST_F(OutputsTest, IncidentsAreListedAsTrees) {
  journal_->record(event(Kind::kStore, "store"));
  journal_->record(event(Kind::kEngineCrash, "engine"));
  journal_->record(event(Kind::kHealth, "policy"));
  ASSERT_TRUE(journal_->flush(kSoon));
  const auto list = list_incidents(journal_->incidents(), {}, "a");
  ASSERT_TRUE(list.ok());
  std::vector<std::string> ids;
  for (const auto& one : list->incidents()) ids.push_back(one.id());
  EXPECT_THAT(ids, ElementsAre("inc-2", "inc-3", "inc-1"));
  EXPECT_EQ(list->incidents(0).consequences(0), "inc-3");
  EXPECT_EQ(list->incidents(1).cause(), "inc-2");
  EXPECT_LT(list->incidents(0).recover_ms(), 0);
  v1::LogsRequest logs;
  logs.set_incident("inc-2");
  EXPECT_THAT(messages(*query_of(logs, journal_->incidents())), ElementsAre("engine fails", "policy fails"));
  v1::IncidentsRequest none;
  none.set_id("inc-9");
  EXPECT_EQ(list_incidents(journal_->incidents(), none, "a").status().code(), absl::StatusCode::kNotFound);
  logs.set_domain("cloud");
  EXPECT_EQ(query_of(logs, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(OutputsTest, AShippedRecordThatCannotBeReadDoesNotHoldUpTheRest) {
  v1::ShipLogsRequest request;
  v1::LogRecord& bad = *request.add_records();
  bad.set_cursor(1);
  v1::LogRecord& good = *request.add_records();
  good.set_time("2026-01-01T00:00:00.000000Z");
  good.set_side("host");
  good.set_domain("host");
  good.set_severity("info");
  good.set_service("host");
  good.set_message("good");
  good.set_cursor(2);
  EXPECT_EQ(*keep_shipped(*journal_, request), 2U);
  EXPECT_THAT(messages(), ElementsAre(HasSubstr("unknown time"), "good"));
}

}  // namespace
}  // namespace outrigger::agent
