#include "lab/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/time/clock.h"

namespace outrigger::lab {
namespace {

using ::testing::HasSubstr;

TEST(Run, GivesInputAndReturnsOutput) {
  const std::string much(1 << 20, 'x');  // more than a pipe holds
  const auto output = run({"cat"}, much);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, much);
}

TEST(Run, ErrorCarriesTheCommandAndWhatItSaid) {
  const auto output = run({"ls", "/no such folder"});
  ASSERT_FALSE(output.ok());
  EXPECT_THAT(output.status().message(), HasSubstr("ls /no such folder: exit status 2"));
  EXPECT_THAT(output.status().message(), HasSubstr("No such file"));
}

TEST(Run, MissingProgramIsNamed) {
  const auto output = run({"no-such-program"});
  EXPECT_EQ(output.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(output.status().message(), HasSubstr("no-such-program"));
}

TEST(Start, LivesOnUntilTerminated) {
  const auto id = start({"sleep", "60"}, {}, "/dev/null", Side::kHost);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_TRUE(alive(*id));
  EXPECT_EQ(getpgid(id->pid), id->pid);  // of its own: the terminal's Ctrl-C does not reach it
  terminate({*id}, absl::Seconds(5));
  EXPECT_FALSE(alive(*id));
}

TEST(Terminate, KillsWhatDoesNotListen) {
  const auto id =
      start({"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"}, {}, "/dev/null", Side::kHost);
  ASSERT_TRUE(id.ok()) << id.status();
  absl::SleepFor(absl::Milliseconds(100));
  terminate({*id}, absl::Milliseconds(200));
  EXPECT_FALSE(alive(*id));
}

// A pid that now belongs to another process must be left alone.
TEST(Terminate, SparesAReusedPid) {
  const auto id = start({"sleep", "60"}, {}, "/dev/null", Side::kHost);
  ASSERT_TRUE(id.ok()) << id.status();
  terminate({{id->pid, id->start + 1}}, absl::Milliseconds(50));
  EXPECT_TRUE(alive(*id));
  terminate({*id}, absl::Seconds(5));
}

}  // namespace
}  // namespace outrigger::lab
