#include "dpu/writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

class WritesTest : public ::testing::Test {
 protected:
  NoteMemory memory() {
    return {[this](const auto&, const auto& name, const auto& text) {
              notes_[name] = text;
              return absl::OkStatus();
            },
            [this](const auto&) -> absl::StatusOr<std::map<std::string, std::string>> { return notes_; }};
  }
  Writes::Act counted(absl::StatusOr<std::string> answer) {
    return [this, answer](const std::string& begun) {
      ++done_;
      begun_ = begun;
      return answer;
    };
  }
  std::map<std::string, std::string> notes_;
  std::atomic<int> done_{0};
  std::string begun_;
};

TEST_F(WritesTest, IsDoneOnceAlsoByTheNextAgent) {
  Writes first(memory(), "test");
  EXPECT_EQ(*first.once({"ann", "1", "x"}, counted("done")), "done");
  EXPECT_EQ(*first.once({"ann", "1", "x"}, counted("again")), "done");
  Writes next(memory(), "test");
  EXPECT_EQ(*next.once({"ann", "1", "x"}, counted("again")), "done");
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(next.once({"ann", "1", "y"}, counted("other")).status()));
  EXPECT_EQ(*next.once({"bob", "1", "x"}, counted("bob's")), "bob's");
  EXPECT_EQ(*next.once({"ann", "", "x"}, counted("nameless")), "nameless");
  EXPECT_EQ(*next.once({"ann", "", "x"}, counted("nameless too")), "nameless too");
}

TEST_F(WritesTest, WhatWasRefusedMayBeTriedAgain) {
  Writes writes(memory(), "test");
  EXPECT_TRUE(absl::IsAborted(writes.once({"ann", "1", "x"}, counted(absl::AbortedError("no"))).status()));
  EXPECT_EQ(*writes.once({"ann", "1", "x"}, counted("done")), "done");
}

TEST_F(WritesTest, WhatDiedHalfWayIsToldHowItWasBefore) {
  {
    Writes writes(memory(), "test");
    writes.begin({"ann", "1", "x"}, "0.1.0");
  }
  Writes next(memory(), "test");
  EXPECT_EQ(*next.once({"ann", "1", "x"}, counted("done")), "done");
  EXPECT_EQ(begun_, "0.1.0");
  EXPECT_EQ(*next.once({"ann", "1", "x"}, counted("again")), "done");
  EXPECT_EQ(done_, 1);
}

TEST_F(WritesTest, WhoAsksMeanwhileWaitsForTheSameAnswer) {
  Writes writes(memory(), "test");
  std::atomic<bool> inside{false}, go_on{false};
  std::thread first([&] {
    (void)writes.once({"ann", "1", "x"}, [&](const std::string&) -> absl::StatusOr<std::string> {
      inside = true;
      while (!go_on) std::this_thread::yield();
      return "done";
    });
  });
  while (!inside) std::this_thread::yield();
  EXPECT_EQ(*writes.once({"ann", "2", "x"}, counted("another")), "another");  // waits for nobody
  std::thread second([&] { EXPECT_EQ(*writes.once({"ann", "1", "x"}, counted("again")), "done"); });
  go_on = true;
  first.join();
  second.join();
  EXPECT_EQ(done_, 1);
}

TEST(CheckEtag, NamesBoth) {
  EXPECT_TRUE(check_etag("it", "2", "").ok());
  EXPECT_TRUE(check_etag("it", "2", "2").ok());
  const absl::Status stale = check_etag("the desired state", "2", "1");
  EXPECT_TRUE(absl::IsAborted(stale));
  EXPECT_THAT(std::string(stale.message()),
              HasSubstr("the desired state has changed since: its etag is 2, not 1"));
}

}  // namespace
}  // namespace outrigger::agent
