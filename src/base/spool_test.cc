#include "base/spool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"

namespace outrigger {
namespace {

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "outrigger-spool-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~SpoolTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Spool> open(Spool::Limits limits = {}) {
    auto spool = Spool::open(folder_, limits);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return spool.ok() ? *std::move(spool) : nullptr;
  }

  static Record record(const std::string& message) {
    return {.time = absl::UnixEpoch(), .service = "test", .message = message};
  }

  static std::vector<std::string> messages(const Spool& spool, uint64_t after = 0) {
    std::vector<std::string> found;
    SpoolReader reader(spool, after);
    while (const auto one = reader.next()) found.push_back(one->message);
    return found;
  }

  void append(Spool& spool, int from, int to) {
    for (int i = from; i <= to; ++i) {
      Record one = record(absl::StrCat(i));
      ASSERT_TRUE(spool.append(one));
    }
  }

  [[nodiscard]] std::string newest_file() const {
    std::string newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().extension() == ".jsonl") newest = std::max(newest, entry.path().string());
    }
    return newest;
  }

  std::string folder_;
};

TEST_F(SpoolTest, ReadsFromACursorAndAfterAReopen) {
  auto spool = open();
  append(*spool, 1, 5);
  EXPECT_EQ(messages(*spool, 3), (std::vector<std::string>{"4", "5"}));
  spool.reset();
  spool = open();
  append(*spool, 6, 6);
  EXPECT_EQ(messages(*spool, 4), (std::vector<std::string>{"5", "6"}));
  EXPECT_EQ(spool->figures().records, 6U);
  EXPECT_EQ(spool->figures().last_cursor, 6U);
  EXPECT_EQ(spool->figures().torn, 0U);
}

TEST_F(SpoolTest, OneWriterOnly) {
  const auto spool = open();
  EXPECT_EQ(Spool::open(folder_, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SpoolTest, TheOldestSegmentsGoAndAreCounted) {
  auto spool = open({.segments = 3, .segment_bytes = 2048});
  append(*spool, 1, 200);
  const auto figures = spool->figures();
  EXPECT_EQ(figures.records + figures.retired, 200U);
  EXPECT_GT(figures.retired, 100U);
  EXPECT_LE(figures.bytes, 3U * 2048);
  EXPECT_EQ(spool->segments().size(), 3U);
  const auto kept = messages(*spool);
  EXPECT_EQ(kept.size(), figures.records);
  EXPECT_EQ(kept.back(), "200");
  EXPECT_EQ(spool->segment(spool->segments().back()).back().message, "200");
  spool.reset();
  EXPECT_EQ(open({.segments = 3, .segment_bytes = 2048})->figures().retired, figures.retired);
}

TEST_F(SpoolTest, AReaderThatFallsBehindGoesOnWithWhatIsLeft) {
  auto spool = open({.segments = 2, .segment_bytes = 2048});
  append(*spool, 1, 3);
  SpoolReader reader(*spool, 0);
  EXPECT_EQ(reader.next()->message, "1");
  append(*spool, 4, 100);
  uint64_t last = 1, seen = 1;
  while (const auto one = reader.next()) {
    EXPECT_GT(one->cursor, last);
    last = one->cursor;
    ++seen;
  }
  EXPECT_EQ(last, 100U);
  EXPECT_LT(seen, 100U);
}

TEST_F(SpoolTest, ATornLastLineIsCutOffAndCounted) {
  auto spool = open();
  append(*spool, 1, 3);
  spool.reset();
  std::filesystem::resize_file(newest_file(), std::filesystem::file_size(newest_file()) - 7);
  spool = open();
  EXPECT_EQ(spool->figures().torn, 1U);
  append(*spool, 30, 31);
  EXPECT_EQ(messages(*spool), (std::vector<std::string>{"1", "2", "30", "31"}));
  EXPECT_EQ(spool->figures().last_cursor, 4U);
}

TEST_F(SpoolTest, RubbishInTheMiddleIsSkippedAndCounted) {
  auto spool = open();
  append(*spool, 1, 2);
  std::ofstream(newest_file(), std::ios::app) << "not json\n{\"time\":1}\n\n";
  spool.reset();
  spool = open();
  EXPECT_EQ(spool->figures().torn, 3U);
  append(*spool, 3, 3);
  EXPECT_EQ(messages(*spool), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(SpoolTest, RubbishIsNamedByFileAndLineATornEndIsNot) {
  {
    auto spool = open();
    Record one = record("one");
    EXPECT_TRUE(spool->append(one));
    EXPECT_EQ(spool->damage(), "");
    std::ofstream file(folder_ + "/00000000000000000001.jsonl", std::ios::app);
    file << "rubbish\n{\"torn";
  }
  EXPECT_EQ(open()->damage(),
            folder_ + "/00000000000000000001.jsonl line 2: not a log record; 1 such lines are passed over");
}

TEST_F(SpoolTest, AHalfWrittenLineIsNotReadUntilItIsWhole) {
  auto spool = open();
  append(*spool, 1, 1);
  SpoolReader reader(*spool, 0);
  EXPECT_EQ(reader.next()->message, "1");
  Record next = record("2");
  next.cursor = 2;
  const std::string line = to_json(next) + "\n";
  std::ofstream file(newest_file(), std::ios::app);
  file << line.substr(0, 20) << std::flush;
  EXPECT_FALSE(reader.next());
  file << line.substr(20) << std::flush;
  EXPECT_EQ(reader.next()->message, "2");
}

TEST_F(SpoolTest, CursorsGoOnFromWhereASenderWas) {
  auto spool = open({.first_cursor = 1000});
  append(*spool, 1, 1);
  EXPECT_EQ(spool->figures().last_cursor, 1000U);
}

TEST_F(SpoolTest, AnothersCursorsAreKeptAndAReplayIsNot) {
  auto spool = open();
  for (const uint64_t cursor : {7U, 9U, 9U, 8U, 12U}) {
    Record one = record(absl::StrCat(cursor));
    one.cursor = cursor;
    const bool above = cursor > spool->figures().last_cursor;
    EXPECT_EQ(spool->keep(one), above) << cursor;
  }
  EXPECT_EQ(messages(*spool), (std::vector<std::string>{"7", "9", "12"}));
  spool.reset();
  EXPECT_EQ(open()->figures().last_cursor, 12U);
}

// The disk is full: a file may grow to 4 KiB and no further.
TEST_F(SpoolTest, AFullDiskLosesRecordsButNeitherLinesNorTheCaller) {
  auto spool = open();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  uint64_t kept = 0;
  for (int i = 1; i <= 50; ++i) {
    Record one = record(absl::StrCat(i));
    kept += spool->append(one) ? 1 : 0;
  }
  EXPECT_LT(kept, 50U);
  EXPECT_EQ(spool->figures().unwritten, 50 - kept);
  EXPECT_EQ(messages(*spool).size(), kept);
  setrlimit(RLIMIT_FSIZE, &before);
  append(*spool, 51, 51);
  EXPECT_EQ(messages(*spool).back(), "51");
  EXPECT_EQ(spool->figures().last_cursor, kept + 1);
  spool.reset();
  EXPECT_EQ(open()->figures().torn, 0U);
}

// kill -9 at any moment: what the dead writer said it had written is there, and nothing else.
TEST_F(SpoolTest, SurvivesKills) {
  uint64_t at_least = 0;
  for (int round = 0; round < 20; ++round) {
    int said[2];
    ASSERT_EQ(pipe(said), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto spool = Spool::open(folder_, {.segments = 4, .segment_bytes = 64 << 10});
      for (;;) {
        Record one = record(std::string(200, 'x'));
        if (!(*spool)->append(one) || write(said[1], &one.cursor, sizeof(one.cursor)) < 0) _exit(1);
      }
    }
    close(said[1]);
    for (int i = 0; i < 50 + 37 * round; ++i) {
      ASSERT_EQ(read(said[0], &at_least, sizeof(at_least)), static_cast<ssize_t>(sizeof(at_least)));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(said[0]);
    const auto spool = open({.segments = 4, .segment_bytes = 64 << 10});
    EXPECT_GE(spool->figures().last_cursor, at_least);
    uint64_t expected = spool->segments().front();
    SpoolReader reader(*spool, 0);
    while (const auto one = reader.next()) ASSERT_EQ(one->cursor, expected++);
    ASSERT_EQ(expected, spool->figures().last_cursor + 1);
  }
}

TEST_F(SpoolTest, ReadWhileWritten) {
  auto spool = open({.segments = 100, .segment_bytes = 8 << 10});
  std::thread writer([&] { append(*spool, 1, 3000); });
  SpoolReader reader(*spool, 0);
  uint64_t last = 0;
  while (last < 3000) {
    const auto one = reader.next();
    if (!one) continue;
    ASSERT_EQ(one->cursor, ++last);
  }
  writer.join();
  EXPECT_EQ(spool->figures().torn, 0U);
}

}  // namespace
}  // namespace outrigger
