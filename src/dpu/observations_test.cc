#include "dpu/observations.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

// Two clocks that stand where the test puts them: 1000 s and, by the monotonic one, 50 s.
class ObservationsTest : public ::testing::Test {
 protected:
  static v1::MeasuredWindow window(uint64_t cursor, int64_t second) {
    v1::MeasuredWindow one;
    one.set_cursor(cursor);
    one.set_start_ns(second * kSecond);
    one.set_length_ms(1000);
    stats::Sketch latency;
    latency.add(100'000 + cursor);
    one.set_latency(latency.text());
    one.set_sent(2);
    one.set_failed(1);
    return one;
  }
  // Windows `first` to `last`, one a second, each where its cursor says.
  static v1::ReportWindowsRequest report(uint64_t after, uint64_t first, uint64_t last, uint64_t run = 1) {
    v1::ReportWindowsRequest request;
    request.set_run(run);
    request.set_after(after);
    for (uint64_t i = first; i <= last; ++i) *request.add_windows() = window(i, static_cast<int64_t>(i));
    return request;
  }
  static absl::Time at(int64_t second) { return absl::FromUnixSeconds(950 + second); }
  size_t kept() { return kept_.between(absl::InfinitePast(), absl::InfiniteFuture()).windows.size(); }
  std::string refused(const v1::ReportWindowsRequest& request) {
    const auto taken = kept_.take(request);
    EXPECT_EQ(taken.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(taken.status().message());
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  int64_t monotonic_ns_ = 50 * kSecond;
  Observations kept_{Observations::Limits{.windows = 20, .keep = absl::Seconds(60)},
                     {[this] { return now_; }, [this] { return monotonic_ns_; }}};
};

TEST_F(ObservationsTest, WindowsStandWhereTheyWereMeasured) {
  EXPECT_EQ(*kept_.take(report(0, 1, 10)), 10u);
  const Measured some = kept_.between(at(3), at(6));
  ASSERT_EQ(some.windows.size(), 3u) << "3, 4 and 5: 6 ends after";
  EXPECT_EQ(some.windows[0].start, at(3));
  EXPECT_EQ(some.windows[0].latency.max(), 100'003u);
  EXPECT_EQ(some.windows[0].sent, 2u);
  EXPECT_EQ(some.windows[0].failed, 1u);
}

// The agent was restarted, or a reply was lost: the host is told where to go on.
TEST_F(ObservationsTest, WhatDoesNotFollowIsNotTaken) {
  EXPECT_EQ(*kept_.take(report(5, 6, 7)), 0u);
  EXPECT_EQ(*kept_.take(report(0, 1, 7)), 7u);
  EXPECT_EQ(*kept_.take(report(0, 1, 7)), 7u) << "again";
  EXPECT_EQ(*kept_.take(report(7, 9, 9)), 9u) << "the host has forgotten 8";
  EXPECT_EQ(*kept_.take(report(9, 1, 0)), 9u) << "a question";
  EXPECT_EQ(kept(), 8u);
}

TEST_F(ObservationsTest, AnotherRunBeginsAnewAndForgetsNothing) {
  EXPECT_EQ(*kept_.take(report(0, 1, 7)), 7u);
  v1::ReportWindowsRequest other = report(0, 1, 1, 2);
  other.mutable_windows(0)->set_start_ns(20 * kSecond);
  EXPECT_EQ(*kept_.take(other), 1u);
  EXPECT_EQ(kept(), 8u);
}

TEST_F(ObservationsTest, OldOnesGiveWay) {
  EXPECT_EQ(*kept_.take(report(0, 1, 30)), 30u);
  EXPECT_EQ(kept(), 20u) << "the most there may be";
  now_ += absl::Seconds(70);
  monotonic_ns_ += 70 * kSecond;
  EXPECT_EQ(*kept_.take(report(30, 100, 100)), 100u);
  EXPECT_EQ(kept(), 1u);
  EXPECT_EQ(kept_.figures().taken, 31u);
  EXPECT_EQ(kept_.figures().newest->cursor(), 100u);
}

TEST_F(ObservationsTest, BytesAreBounded) {
  Observations small({.bytes = 2000}, {[this] { return now_; }, [this] { return monotonic_ns_; }});
  EXPECT_TRUE(small.take(report(0, 1, 40)).ok());
  EXPECT_LE(small.figures().bytes, 2000u);
  EXPECT_GT(small.figures().windows, 0u);
}

// Each is one lie; nothing of its report is taken.
TEST_F(ObservationsTest, LiesAreRefusedWhole) {
  const auto with = [](auto change) {
    v1::ReportWindowsRequest request = report(0, 1, 3);
    change(*request.mutable_windows(1));
    return request;
  };
  using Window = v1::MeasuredWindow;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refused(with([](Window& w) { w.set_cursor(1); })), HasSubstr("not after"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_start_ns(1 * kSecond); })), HasSubstr("not after"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_start_ns(60 * kSecond); })), HasSubstr("future"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_length_ms(0); })), HasSubstr("length_ms"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_length_ms(4'000'000'000); })), HasSubstr("length_ms"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_latency("5 5 nonsense"); })), HasSubstr("latency"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_gaps(std::string(1 << 20, '1')); })), HasSubstr("gaps"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_wakeups("5 5 5:1000000000"); })), HasSubstr("wakeups"));
  EXPECT_THAT(refused(with([](Window& w) { w.set_sent(~uint64_t{0}); })), HasSubstr("requests"));
  EXPECT_THAT(refused(with([nan](Window& w) { w.set_spun(nan); })), HasSubstr("spun"));
  EXPECT_THAT(refused(with([nan](Window& w) { w.add_cpu()->set_idle(nan); })), HasSubstr("share"));
  EXPECT_THAT(refused(with([](Window& w) { w.add_cpu()->set_user(-1); })), HasSubstr("share"));
  EXPECT_THAT(refused(with([](Window& w) {
                for (int i = 0; i < 2000; ++i) w.add_cpu();
              })),
              HasSubstr("2000 CPUs"));
  EXPECT_THAT(refused(report(0, 1, 121)), HasSubstr("at most 120"));
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(kept_.figures().refused, 14u);
  EXPECT_EQ(*kept_.take(report(0, 1, 3)), 3u) << "and the truth afterwards";
}

TEST_F(ObservationsTest, TimesAtTheEndsOfTheScaleHurtNobody) {
  for (const int64_t ns : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    v1::ReportWindowsRequest request = report(0, 1, 1);
    request.mutable_windows(0)->set_start_ns(ns);
    (void)kept_.take(request);
    EXPECT_EQ(kept(), 0u);
  }
}

}  // namespace
}  // namespace outrigger::agent
