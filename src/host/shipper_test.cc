#include "host/shipper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace outrigger::host {
namespace {

using testing::ElementsAre;

constexpr int64_t kMs = 1'000'000;

TEST(ClockOffset, TheShortestRoundTripSaysItBest) {
  ClockOffset clock;
  EXPECT_FALSE(clock.offset_ns());
  constexpr int64_t kTrue = 5000 * kMs;
  // The way there took `there`, the way back `back`.
  const auto ask = [&](int64_t at, int64_t there, int64_t back) {
    clock.sample(at, at + there + back, at + there + kTrue);
  };
  ask(1000 * kMs, 40 * kMs, 2 * kMs);  // 19 ms off
  EXPECT_EQ(*clock.offset_ns(), kTrue + 19 * kMs);
  ask(1200 * kMs, kMs / 5, kMs / 10);
  EXPECT_NEAR(static_cast<double>(*clock.offset_ns() - kTrue), 0, static_cast<double>(kMs) / 10);
  ask(1400 * kMs, 2 * kMs, 90 * kMs);
  EXPECT_NEAR(static_cast<double>(*clock.offset_ns() - kTrue), 0, static_cast<double>(kMs) / 10);
  EXPECT_LE(clock.uncertainty_ns(), kMs);
  EXPECT_EQ(clock.restarts(), 0U);
}

TEST(ClockOffset, AnotherClockIsNoticedAtOnce) {
  ClockOffset clock;
  clock.sample(1000 * kMs, 1001 * kMs, 900'000 * kMs);
  clock.sample(2000 * kMs, 2050 * kMs, 30 * kMs);  // the DPU was restarted
  EXPECT_EQ(*clock.offset_ns(), 30 * kMs - 2025 * kMs);
  EXPECT_EQ(clock.restarts(), 1U);
}

TEST(ClockOffset, DriftAndAgeAreNoRestart) {
  ClockOffset clock;
  for (int64_t i = 0; i < 10'000; ++i) {
    const int64_t at = i * 200 * kMs;
    clock.sample(at, at + kMs, at + kMs / 2 + 100 * kMs + at / 10'000);  // 100 ppm
  }
  EXPECT_EQ(clock.restarts(), 0U);
  EXPECT_NEAR(static_cast<double>(*clock.offset_ns()), 300.0 * kMs, 2.0 * kMs);
}

TEST(ClockOffset, NonsenseIsLeftOut) {
  ClockOffset clock;
  clock.sample(10, 5, 7);
  clock.sample(0, ClockOffset::kTooSlowNs + 1, 7);
  clock.sample(0, 1, 0);
  EXPECT_FALSE(clock.offset_ns());
}

class ShipperTest : public testing::Test {
 protected:
  ShipperTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "outrigger-ship-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    log_ = open();
  }
  ~ShipperTest() override {
    log_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<HostLog> open() { return *HostLog::open({.folder = folder_, .version = "1"}); }

  // A DPU that keeps each cursor once.
  Shipper::Send dpu() {
    return [this](const std::vector<Record>& records, uint64_t) -> absl::StatusOr<uint64_t> {
      if (refuse_) return absl::UnavailableError("dead");
      for (const Record& record : records) {
        if (record.cursor <= last_) continue;
        kept_.push_back(record.message);
        last_ = record.cursor;
        offsets_.push_back(record.offset_ns);
      }
      if (lose_answer_) return absl::DeadlineExceededError("no answer");
      return last_;
    };
  }

  std::string folder_;
  std::unique_ptr<HostLog> log_;
  std::vector<std::string> kept_;
  std::vector<int64_t> offsets_;
  uint64_t last_ = 0;
  std::atomic<bool> refuse_ = false;
  bool lose_answer_ = false;
};

TEST_F(ShipperTest, ShipsOnFromItsCursorAfterADeath) {
  log_->note(Severity::kInfo, "1");
  log_->note(Severity::kInfo, "2");
  EXPECT_EQ(*Shipper(*log_, dpu()).ship(), 2U);
  EXPECT_EQ(*Shipper(*log_, dpu()).ship(), 0U);
  log_.reset();
  log_ = open();
  log_->note(Severity::kInfo, "3");
  EXPECT_EQ(*Shipper(*log_, dpu()).ship(), 1U);
  EXPECT_THAT(kept_, ElementsAre("1", "2", "3"));
}

TEST_F(ShipperTest, ALostAnswerLosesAndDoublesNothing) {
  log_->note(Severity::kInfo, "1");
  Shipper shipper(*log_, dpu());
  lose_answer_ = true;
  EXPECT_FALSE(shipper.ship().ok());
  lose_answer_ = false;
  log_->note(Severity::kInfo, "2");
  EXPECT_EQ(*shipper.ship(), 2U);
  EXPECT_THAT(kept_, ElementsAre("1", "2"));
}

TEST_F(ShipperTest, CursorsNeverComeAgainEvenWhenTheFolderIsGone) {
  log_->note(Severity::kInfo, "1");
  EXPECT_EQ(*Shipper(*log_, dpu()).ship(), 1U);
  log_.reset();
  std::filesystem::remove_all(folder_);
  log_ = open();
  log_->note(Severity::kInfo, "2");
  EXPECT_EQ(*Shipper(*log_, dpu()).ship(), 1U);
  EXPECT_THAT(kept_, ElementsAre("1", "2"));
}

TEST_F(ShipperTest, TheOffsetIsFilledInOnceItIsKnown) {
  log_->note(Severity::kInfo, "before the first answer");
  log_->clocks(10 * kMs, 10 * kMs, 1010 * kMs);
  log_->note(Severity::kInfo, "after");
  EXPECT_EQ(*Shipper(*log_, dpu()).ship(), 2U);
  EXPECT_THAT(offsets_, ElementsAre(1000 * kMs, 1000 * kMs));
}

TEST_F(ShipperTest, OnlyWhatTheDpuNeverGotIsDropped) {
  log_.reset();
  const auto open_small = [this] {
    return *HostLog::open(
        {.folder = folder_, .version = "1", .limits = {.segments = 2, .segment_bytes = 4096}});
  };
  log_ = open_small();
  for (int i = 0; i < 10; ++i) log_->note(Severity::kInfo, absl::StrCat("shipped ", i));
  std::optional<Shipper> shipper(std::in_place, *log_, dpu());
  EXPECT_EQ(*shipper->ship(), 10U);
  for (int i = 0; i < 200; ++i) log_->note(Severity::kInfo, absl::StrCat("not yet ", i));
  const auto figures = log_->spool().figures();
  EXPECT_GT(figures.retired, figures.lost);
  while (*shipper->ship() > 0) {
  }
  EXPECT_EQ(kept_.size() + figures.dropped(), 210U);
  shipper.reset();
  log_.reset();
  log_ = open_small();
  EXPECT_EQ(log_->spool().figures().lost, figures.lost);
}

TEST_F(ShipperTest, WhatWasRemovedOnItsWayIsNotLost) {
  log_.reset();
  log_ =
      *HostLog::open({.folder = folder_, .version = "1", .limits = {.segments = 2, .segment_bytes = 4096}});
  for (int i = 0; i < 10; ++i) log_->note(Severity::kInfo, absl::StrCat(i));
  Shipper shipper(*log_, [this](const std::vector<Record>& records, uint64_t) -> absl::StatusOr<uint64_t> {
    for (int i = 0; i < 200; ++i) log_->note(Severity::kInfo, "meanwhile");
    return records.back().cursor;
  });
  EXPECT_EQ(*shipper.ship(), 10U);
  const auto figures = log_->spool().figures();
  EXPECT_EQ(figures.lost + 10, figures.retired);
}

TEST_F(ShipperTest, ItsThreadTriesAgainUntilTheDpuIsBack) {
  refuse_ = true;
  for (int i = 0; i < 1000; ++i) log_->note(Severity::kInfo, absl::StrCat(i));
  const uint64_t last = log_->spool().figures().last_cursor;
  Shipper shipper(*log_, dpu());
  shipper.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(shipper.kept_to(), 0U);
  refuse_ = false;
  for (int i = 0; i < 500 && shipper.kept_to() != last; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(shipper.kept_to(), last);
}

TEST_F(ShipperTest, WhatIsToldLaterWakesIt) {
  Shipper shipper(*log_, dpu());
  shipper.start();
  for (const char* text : {"first", "second"}) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));  // it has nothing to do, and sleeps
    log_->note(Severity::kInfo, text);
    const uint64_t last = log_->spool().figures().last_cursor;
    for (int i = 0; i < 200 && shipper.kept_to() != last; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(shipper.kept_to(), last);
  }
}

}  // namespace
}  // namespace outrigger::host
