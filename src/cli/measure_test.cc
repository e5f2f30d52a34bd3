// What others noted of a run: the audit's file, and the node's incidents, by a real server of its Journal.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/fake_api.h"
#include "measure/measurement.h"
#include "outrigger/v1/journal.grpc.pb.h"

namespace outrigger::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string rfc3339(absl::Time when) {
  return absl::FormatTime(absl::RFC3339_full, when, absl::UTCTimeZone());
}

// Answers as it is at the first question, and from the second on as it is at the run's end.
class Node final : public v1::Journal::Service {
 public:
  grpc::Status ListIncidents(grpc::ServerContext*, const v1::IncidentsRequest* request,
                             v1::IncidentList* reply) override {
    EXPECT_TRUE(request->all());
    if (asked_++ > 0 && gone) return {grpc::StatusCode::UNAVAILABLE, "it went away"};
    *reply = asked_ == 1 ? before : after;
    return grpc::Status::OK;
  }
  grpc::Status ReadLogs(grpc::ServerContext*, const v1::LogsRequest*,
                        grpc::ServerWriter<v1::LogRecord>* writer) override {
    for (const v1::LogRecord& one : asked_ == 1 ? records_before : records_after) writer->Write(one);
    return grpc::Status::OK;
  }

  v1::IncidentList before, after;
  std::vector<v1::LogRecord> records_before, records_after;
  bool gone = false;

 private:
  int asked_ = 0;
};

v1::Incident& add(v1::IncidentList& list, const std::string& id, absl::Time began,
                  const std::string& summary) {
  v1::Incident& one = *list.add_incidents();
  one.set_id(id);
  one.set_domain("dpu");
  one.set_kind("engine_crash");
  one.set_summary(summary);
  one.set_state("over");
  one.set_began(rfc3339(began));
  one.set_detect_ms(250);
  one.set_act_ms(-1);
  one.set_recover_ms(1500);
  one.set_count(1);
  return one;
}

v1::LogRecord record(uint64_t cursor, const std::string& blackout_ms, const std::string& side = "dpu") {
  v1::LogRecord one;
  one.set_cursor(cursor);
  one.set_side(side);
  one.set_service("engine");
  if (!blackout_ms.empty()) (*one.mutable_evidence())["blackout_ms"] = blackout_ms;
  return one;
}

class ChannelApi final : public FakeApi {
 public:
  ChannelApi(Script& script, std::shared_ptr<grpc::Channel> channel)
      : FakeApi(script), channel_(std::move(channel)) {}
  std::shared_ptr<grpc::Channel> channel() override { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

class MeasureCommand : public ::testing::Test {
 protected:
  MeasureCommand() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&node_);
    server_ = builder.BuildAndStart();
  }
  ~MeasureCommand() override {
    for (const std::string& one : {file_, boundary_}) std::remove(one.c_str());
  }
  int run(std::vector<std::string> more) {
    std::vector<std::string> words = {"outrigger",       "measure",  "--label", "before", "--for",
                                      "300ms",           "--window", "100ms",   "--spin", "off",
                                      "--no-privileged", "--force",  "--out",   file_};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    const Connect connect = [this](const std::string&) {
      return std::make_unique<ChannelApi>(
          script_,
          absent_ ? grpc::CreateChannel("unix:/nowhere/outriggerd.sock", grpc::InsecureChannelCredentials())
                  : server_->InProcessChannel({}));
    };
    return cli::run(static_cast<int>(argv.size()), argv.data(), out_, err_, connect);
  }
  std::string boundary(const std::string& text) {
    std::ofstream(boundary_) << text;
    return boundary_;
  }
  measure::Measurement measured() {
    const auto read = measure::read(file_);
    EXPECT_TRUE(read.ok()) << read.status() << err_.str();
    return read.value_or(measure::Measurement{});
  }
  bool nothing_was_written() { return !std::ifstream(file_).good(); }

  Script script_;
  Node node_;
  std::unique_ptr<grpc::Server> server_;
  bool absent_ = false;  // nobody listens where the node should
  std::ostringstream out_, err_;
  const std::string file_ = absl::StrCat(::testing::TempDir(), "measure-", getpid(), ".jsonl");
  const std::string boundary_ = absl::StrCat(::testing::TempDir(), "boundary-", getpid(), ".json");
};

TEST_F(MeasureCommand, NobodyAskedIsNotNone) {
  EXPECT_EQ(run({}), kOk) << err_.str();
  EXPECT_EQ(measured().incidents, std::nullopt);
  EXPECT_EQ(measured().boundary, std::nullopt);
}

TEST_F(MeasureCommand, TakesWhatTheAuditPrinted) {
  EXPECT_EQ(run({"--boundary", boundary(R"([{"name": "a", "held": true, "evidence": "x"}])")}), kOk)
      << err_.str();
  ASSERT_TRUE(measured().boundary.has_value());
  EXPECT_EQ(measured().boundary->at(0).name, "a");
  EXPECT_THAT(out_.str(), HasSubstr("boundary.held"));
}

TEST_F(MeasureCommand, AnythingElseIsNoBoundaryAndNothingIsMeasured) {
  for (const char* text : {"", "[]", "TEST OUTCOME", R"([{"name": "a", "outcome": "held"}])"}) {
    err_.str("");
    EXPECT_EQ(run({"--boundary", boundary(text)}), kError) << text;
    EXPECT_THAT(err_.str(), HasSubstr(absl::StrCat("--boundary: ", boundary_, ": "))) << text;
    EXPECT_THAT(err_.str(), HasSubstr("outrigger audit boundary")) << text;
  }
  EXPECT_TRUE(nothing_was_written());
}

TEST_F(MeasureCommand, TakesTheIncidentsThatTheNodeDidNotKnowBefore) {
  const absl::Time now = absl::Now();
  add(node_.before, "inc-1", now - absl::Hours(1), "long ago");
  add(node_.before, "inc-2", now - absl::Minutes(1), "comes again");
  node_.after = node_.before;
  node_.after.mutable_incidents(1)->set_count(3);
  add(node_.after, "inc-3", now + absl::Milliseconds(150), "engine died").add_consequences("inc-4");
  add(node_.after, "inc-4", now + absl::Milliseconds(160), "health left").set_cause("inc-3");
  node_.records_before = {record(7, "99")};
  node_.records_after = {record(7, "99"),         record(8, "0.25"),       record(9, ""),
                         record(10, "no number"), record(11, "5", "host"), record(12, "31.5")};
  ASSERT_EQ(run({"--incidents"}), kOk) << err_.str();
  const measure::Measurement run = measured();
  ASSERT_EQ(run.incidents->size(), 2u);
  const measure::Incident &again = run.incidents->at(0), &fresh = run.incidents->at(1);
  EXPECT_THAT(again.summary, HasSubstr("again, after "));
  EXPECT_EQ(again.at_s, 0);
  EXPECT_EQ(fresh.summary, "engine died (and 1 that followed from it)");
  EXPECT_EQ(fresh.domain, "dpu");
  EXPECT_EQ(fresh.kind, "engine_crash");
  EXPECT_EQ(fresh.detect_s, 0.25);
  EXPECT_EQ(fresh.act_s, -1);
  EXPECT_EQ(fresh.recover_s, 1.5);
  EXPECT_NEAR(fresh.at_s, 0.15, 0.15);
  EXPECT_THAT(run.cost.blackout_ms, ElementsAre(0.25, 31.5));
}

TEST_F(MeasureCommand, AClockThatWasSetMovesNoIncidentOutOfTheRun) {
  add(node_.after, "inc-1", absl::Now() - absl::Hours(5), "by a clock of another day");
  ASSERT_EQ(run({"--incidents"}), kOk) << err_.str();
  ASSERT_EQ(measured().incidents->size(), 1u);
  EXPECT_EQ(measured().incidents->at(0).at_s, 0);
  EXPECT_THAT(measured().notes, Contains(HasSubstr("the node's clock")));
}

TEST_F(MeasureCommand, WhatWasOpenBeforeIsSaidAndNotCounted) {
  add(node_.before, "inc-1", absl::Now() - absl::Minutes(1), "the host carries").set_state("open");
  add(node_.before, "inc-2", absl::Now() - absl::Minutes(1), "another of the kind").set_state("recovering");
  node_.after = node_.before;
  ASSERT_EQ(run({"--incidents"}), kOk) << err_.str();
  EXPECT_THAT(*measured().incidents, IsEmpty());
  EXPECT_THAT(measured().notes,
              Contains(HasSubstr("open when the run began, which are not of it: dpu engine_crash")));
}

TEST_F(MeasureCommand, ANodeThatIsGoneAtTheEndCostsItsIncidentsOnly) {
  node_.gone = true;
  EXPECT_EQ(run({"--incidents"}), kError);
  EXPECT_THAT(err_.str(), HasSubstr("incidents are not known, the rest is in the file"));
  EXPECT_EQ(measured().incidents, std::nullopt);
  EXPECT_FALSE(measured().windows.empty());
  EXPECT_THAT(measured().notes, Contains(HasSubstr("incidents: not known")));
}

TEST_F(MeasureCommand, ANodeThatDoesNotAnswerIsSaidBeforeAnythingIsMeasured) {
  absent_ = true;
  EXPECT_EQ(run({"--incidents"}), kError);
  EXPECT_THAT(err_.str(), HasSubstr("cannot reach outriggerd"));
  EXPECT_TRUE(nothing_was_written());
}

TEST_F(MeasureCommand, ANodeThatIsNamedForNothingIsAMistake) {
  EXPECT_EQ(run({"--socket", "/tmp/x.sock"}), kError);
  EXPECT_THAT(err_.str(), HasSubstr("add --incidents"));
  EXPECT_TRUE(nothing_was_written());
}

}  // namespace
}  // namespace outrigger::cli
