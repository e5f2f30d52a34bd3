#include "dpu/supervise/programs.h"
#include "dpu/supervise/versions.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"

namespace outrigger::agent {
namespace {

TEST(VersionOrder, NumbersCountAsNumbers) {
  EXPECT_TRUE(version_less("0.9.1", "0.10.0"));
  EXPECT_FALSE(version_less("0.10.0", "0.9.1"));
  EXPECT_TRUE(version_less("1.0", "1.0.1"));
  EXPECT_FALSE(version_less("1.0.1", "1.0.1"));
}

TEST(VersionBookTest, FailuresOutsideTheWindowDoNotBar) {
  VersionBook book({3, absl::Seconds(60)});
  const absl::Time start = absl::Now();
  EXPECT_FALSE(book.failed("1", "crash", start));
  EXPECT_FALSE(book.failed("1", "crash", start + absl::Seconds(40)));
  EXPECT_FALSE(book.failed("1", "crash", start + absl::Seconds(80)));
  EXPECT_TRUE(book.failed("1", "crash", start + absl::Seconds(90)));
  EXPECT_TRUE(book.barred("1"));
  book.was_active("0");
  EXPECT_EQ(book.pick({"2", "1", "0"}, "1"), "0");
  EXPECT_EQ(book.pick({"1"}, "1"), "1");  // better than none
  VersionBook next(BarRule{});            // of the next agent
  next.restore(book.text());
  EXPECT_EQ(next.pick({"2", "1", "0"}, "1"), "0");
  EXPECT_EQ(next.why("1"), book.why("1"));
  EXPECT_THAT(next.lift("1"), ::testing::HasSubstr("crash"));
  next.restore("rubbish\nbarred\ngood\n");
  EXPECT_EQ(next.text(), "good 0\n");
  next.bar("1", "two\nlines");
  book.restore(next.text());
  EXPECT_EQ(book.why("1"), "two\nlines");
  book.lift("1");
  EXPECT_EQ(book.pick({"2", "1", "0"}, "1"), "1");
}

}  // namespace
}  // namespace outrigger::agent
