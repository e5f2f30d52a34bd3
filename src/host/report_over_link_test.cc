// A host that tells its DPU what it measured, through restarts, refusals and a clock that is not known yet.
#include "host/report_over_link.h"

#include <deque>

#include "gtest/gtest.h"

namespace outrigger::host {
namespace {

// A DPU that keeps what follows, as the real one does (src/dpu/observations.h).
class Dpu : public Link {
 public:
  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest&) override { return v1::RenewReply(); }
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest&) override {
    return v1::SignedBundle();
  }
  absl::StatusOr<v1::ShipLogsReply> ship(const v1::ShipLogsRequest&) override { return v1::ShipLogsReply(); }
  absl::StatusOr<v1::ReportWindowsReply> report(const v1::ReportWindowsRequest& request) override {
    if (!answers) return absl::UnavailableError("down");
    v1::ReportWindowsReply reply;
    for (const v1::MeasuredWindow& window : request.windows()) {
      if (window.cursor() == refuses) return absl::InvalidArgumentError("bad");
    }
    if (request.after() == last) {
      for (const v1::MeasuredWindow& window : request.windows()) taken.push_back(window);
      last = request.windows().rbegin()->cursor();
    }
    reply.set_kept_to(last);
    return reply;
  }
  void restart() {
    last = 0;
    taken.clear();
  }

  bool answers = true;
  uint64_t refuses = 0, last = 0;
  std::vector<v1::MeasuredWindow> taken;
};

class ReportTest : public ::testing::Test {
 protected:
  void measure(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      NumberedWindow one{++next_, static_cast<int64_t>(next_) * 1000, {}};
      one.window.length_ms = 1000;
      one.window.latency.add(500);
      one.window.sent = 1;
      one.window.cpu[0] = {.user = 0.2, .nice = 0.1, .idle = 0.6, .iowait = 0.1};
      windows_.push_back(one);
    }
  }
  std::vector<NumberedWindow> after(uint64_t cursor, size_t most) {
    std::vector<NumberedWindow> out;
    for (const NumberedWindow& one : windows_) {
      if (one.cursor > cursor && out.size() < most) out.push_back(one);
    }
    return out;
  }
  size_t report() {
    const auto reported = reporter_.report();
    return reported.ok() ? *reported : 0;
  }

  uint64_t next_ = 0;
  std::deque<NumberedWindow> windows_;
  std::optional<int64_t> offset_ = 7;
  Dpu dpu_;
  WindowReporter reporter_{dpu_, "a", 1, [this](uint64_t cursor, size_t most) { return after(cursor, most); },
                           [this] { return offset_; }};
};

TEST_F(ReportTest, EachWindowIsToldOnceByTheDpusClock) {
  measure(70);
  EXPECT_EQ(report(), 60u);
  EXPECT_EQ(report(), 10u);
  EXPECT_EQ(report(), 0u);
  ASSERT_EQ(dpu_.taken.size(), 70u);
  EXPECT_EQ(dpu_.taken[1].start_ns(), 2007);
  EXPECT_EQ(dpu_.taken[1].sent(), 1u);
  EXPECT_DOUBLE_EQ(dpu_.taken[1].cpu(0).user(), 0.2 + 0.1);
  EXPECT_DOUBLE_EQ(dpu_.taken[1].cpu(0).idle(), 0.6 + 0.1);
  EXPECT_EQ(stats::Sketch::parse(dpu_.taken[1].latency())->max(), 500u);
}

TEST_F(ReportTest, ARestartedDpuGetsAgainWhatIsThere) {
  measure(5);
  EXPECT_EQ(report(), 5u);
  dpu_.restart();
  measure(1);
  EXPECT_EQ(report(), 1u);
  EXPECT_TRUE(dpu_.taken.empty()) << "it says that it has nothing";
  EXPECT_EQ(report(), 6u);
  EXPECT_EQ(dpu_.taken.size(), 6u);
}

TEST_F(ReportTest, ADpuThatIsAwayIsToldAfterwards) {
  measure(3);
  dpu_.answers = false;
  EXPECT_FALSE(reporter_.report().ok());
  dpu_.answers = true;
  EXPECT_EQ(report(), 3u);
  EXPECT_EQ(dpu_.taken.size(), 3u);
}

TEST_F(ReportTest, WhatIsRefusedHoldsUpNothing) {
  measure(3);
  dpu_.refuses = 2;
  EXPECT_FALSE(reporter_.report().ok());
  EXPECT_EQ(reporter_.refused(), 3u);
  measure(2);
  EXPECT_EQ(report(), 2u);
  ASSERT_EQ(dpu_.taken.size(), 2u);
  EXPECT_EQ(dpu_.taken[0].cursor(), 4u);
}

TEST_F(ReportTest, NothingIsToldByAClockThatIsNotKnown) {
  measure(1);
  offset_ = std::nullopt;
  EXPECT_FALSE(reporter_.report().ok());
  EXPECT_TRUE(dpu_.taken.empty());
}

TEST_F(ReportTest, ASketchOfManyBucketsBecomesCoarser) {
  NumberedWindow one{1, 0, {}};
  for (uint64_t i = 1; i < 5000; ++i) one.window.gaps.add(i * i * 100);
  ASSERT_GT(one.window.gaps.buckets().size(), 1024u);
  v1::MeasuredWindow wire;
  to_wire(one, 0, wire);
  const auto back = stats::Sketch::parse(wire.gaps());
  ASSERT_TRUE(back.ok());
  EXPECT_LE(back->buckets().size(), 500u);
  EXPECT_EQ(back->count(), 4999u);
  EXPECT_NEAR(back->quantile(0.99) / one.window.gaps.quantile(0.99), 1, 0.04);
  EXPECT_EQ(wire.latency(), "");
}

}  // namespace
}  // namespace outrigger::host
