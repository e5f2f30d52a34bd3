#include "host/inbox.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace outrigger::host {
namespace {

Record told() {
  return {.time = absl::FromUnixSeconds(1'700'000'000),
          .side = "host",
          .domain = Domain::kApplication,
          .service = "kubelet",
          .severity = Severity::kError,
          .message = "no"};
}

TEST(RecordFromOutside, IsTheirsButReportsNothing) {
  Record record = told();
  record.incident = "inc-1";
  record.evidence = {{"kind", "lease_lost"}, {"phase", "begin"}, {"pod", "web"}};
  const Record taken = record_from_outside(to_json(record));
  EXPECT_EQ(taken.service, "kubelet");
  EXPECT_EQ(taken.domain, Domain::kApplication);
  EXPECT_EQ(taken.incident, "");
  EXPECT_EQ(taken.evidence, (std::map<std::string, std::string>{{"pod", "web"}}));
}

TEST(RecordFromOutside, SpeaksForNobodyElse) {
  for (const Domain domain : {Domain::kDpu, Domain::kPolicy, Domain::kFabric, Domain::kFleet}) {
    Record record = told();
    record.domain = domain;
    EXPECT_EQ(record_from_outside(to_json(record)).domain, Domain::kHost);
  }
}

TEST(RecordFromOutside, WhatCannotBeReadIsSaidSo) {
  EXPECT_EQ(record_from_outside("{").service, "inbox");
  EXPECT_EQ(record_from_outside("{").severity, Severity::kWarning);
}

TEST(Inbox, TakesWhatIsTold) {
  std::string folder = std::filesystem::temp_directory_path() / "outrigger-inbox-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/socket";
  const auto log = *HostLog::open({.folder = folder + "/log", .version = "1", .limits = {}});
  {
    const Inbox inbox(*Inbox::listen(path), *log);
    struct stat about {};
    ASSERT_EQ(stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    ASSERT_TRUE(tell(path, told()).ok());
    for (int i = 0; i < 500 && log->spool().figures().records == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const auto records = log->spool().segment(log->spool().segments().at(0));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].service, "kubelet");
  EXPECT_EQ(records[0].side, "host");
  EXPECT_FALSE(tell(folder + "/nobody", told()).ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace outrigger::host
