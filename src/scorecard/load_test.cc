#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "scorecard/fixture.h"

namespace outrigger::scorecard {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Load : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / absl::StrCat("scorecard-load-", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "both");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const Shape& shape) {
    const std::string file = (folder_ / name).string();
    const absl::Status status = measure::write(run_of(shape), file);
    EXPECT_TRUE(status.ok()) << status;
    return file;
  }
  std::string put(const std::string& name, const std::string& text) {
    const std::string file = (folder_ / name).string();
    std::ofstream(file) << text;
    return file;
  }
  static std::string text_of(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  static std::string refused(const std::string& before, const std::string& after) {
    const auto input = load(before, after);
    if (!input.ok()) return std::string(input.status().message());
    const auto card = make(*input, {.rounds = 20});
    return card.ok() ? "a scorecard" : std::string(card.status().message());
  }

  fs::path folder_;
};

const Shape kBefore = {.windows = 12}, kAfter = {.label = "after", .seed = 2, .windows = 12};

TEST_F(Load, TwoFiles) {
  const auto input = load(write("a.jsonl", kBefore), write("b.jsonl", kAfter));
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->before.size(), 1u);
  EXPECT_EQ(input->after[0].label, "after");
  EXPECT_EQ(input->after[0].hash.size(), 64u);
  const auto card = make(*input, {.rounds = 20});
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_THAT(card->sources[1], HasSubstr(input->after[0].hash));
}

TEST_F(Load, AFolderOfBothArmsGivesEachSideItsOwn) {
  write("both/1.jsonl", {.label = "host", .windows = 12});
  write("both/2.jsonl", {.label = "dpu", .seed = 2, .windows = 12});
  put("both/notes.txt", "not a measurement");
  const std::string folder = (folder_ / "both").string();
  const auto input = load(folder, folder);
  ASSERT_TRUE(input.ok()) << input.status();
  ASSERT_EQ(input->before.size(), 1u);
  EXPECT_EQ(input->before[0].label, "host");
  ASSERT_EQ(input->after.size(), 1u);
  EXPECT_EQ(input->after[0].label, "dpu");
  write("both/3.jsonl", {.label = "else", .seed = 3, .windows = 12});
  EXPECT_THAT(refused(folder, folder), HasSubstr("3.jsonl: labelled \"else\""));
}

TEST_F(Load, RefusesWhatIsMissingEmptyCutOffOrMixedUp) {
  const std::string good = write("good.jsonl", kBefore), after = write("after.jsonl", kAfter);
  EXPECT_THAT(refused(good, (folder_ / "none.jsonl").string()), HasSubstr("none.jsonl"));
  EXPECT_THAT(refused(good, put("empty.jsonl", "")), HasSubstr("empty.jsonl"));
  EXPECT_THAT(refused(good, (folder_ / "both").string()), HasSubstr("holds no measurement"));
  const std::string text = text_of(after);
  EXPECT_THAT(refused(good, put("cut.jsonl", text.substr(0, text.size() / 2))), HasSubstr("cut.jsonl"));
  EXPECT_THAT(refused(good, put("doubled.jsonl", text + text)), HasSubstr("doubled.jsonl"));
  std::string changed = text;
  changed[changed.size() / 2] ^= 1;
  EXPECT_THAT(refused(good, put("changed.jsonl", changed)), HasSubstr("changed.jsonl"));
  EXPECT_THAT(refused(after, good), HasSubstr("labelled \"after\""));
  EXPECT_THAT(refused(good, good), HasSubstr("the same run twice"));
}

}  // namespace
}  // namespace outrigger::scorecard
