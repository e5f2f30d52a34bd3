#include "scenario/series.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/test_folder.h"
#include "measure/lines.h"

namespace outrigger::scenario {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

measure::Measurement with(std::initializer_list<double> steal) {
  measure::Measurement made;
  made.place = {"x", 2, 3};
  for (const double one : steal) {
    measure::Window& window = made.windows.emplace_back();
    window.length_ms = 1000;
    window.cpu[0].steal = one;
  }
  return made;
}

TEST(Stolen, IsOfTheTimeOfAllWindows) {
  EXPECT_DOUBLE_EQ(stolen(with({0.1, 0.3})), 0.2);
  EXPECT_DOUBLE_EQ(stolen(with({})), 0);
  measure::Measurement stalled = with({0.9, 0.1, 0.1});
  stalled.windows[0].length_ms = 6000;
  EXPECT_DOUBLE_EQ(stolen(stalled), 0.7);
}

TEST(Calm, ACalmTurnCountsAtOnceAndNothingIsSaid) {
  Calm calm(0.05, 2);
  measure::Measurement measured = with({0.01, 0.08});
  EXPECT_FALSE(calm.again(measured));
  EXPECT_THAT(measured.notes, IsEmpty());
}

TEST(Calm, ADisturbedTurnIsMadeAgainAndWhatCountsSaysSo) {
  Calm calm(0.05, 2);
  measure::Measurement bad = with({0.3, 0.4}), good = with({0.01});
  bad.windows[1].sent = 50;
  bad.windows[1].failed = 2;
  bad.incidents.emplace().resize(3);
  EXPECT_TRUE(calm.again(bad));
  EXPECT_EQ(calm.tries(), 1u);
  EXPECT_FALSE(calm.again(good));
  EXPECT_THAT(good.notes, ElementsAre(HasSubstr(
                              "turn 3 of block 2 was made again: of the host's CPU the hypervisor had taken "
                              "35.0 % (3 incidents, requests: 2 of 50 failed)")));
  measure::Measurement next = with({0.01});
  EXPECT_FALSE(calm.again(next));
  EXPECT_THAT(next.notes, IsEmpty()) << "of another turn";
}

TEST(Calm, NotWithoutEnd) {
  Calm calm(0.05, 1);
  measure::Measurement one = with({0.2}), two = with({0.3}), three = with({0.4});
  EXPECT_TRUE(calm.again(one));
  EXPECT_FALSE(calm.again(two));
  EXPECT_THAT(two.notes, ElementsAre(HasSubstr("made again"),
                                     HasSubstr("took 30.0 % of the host's CPU, and it counts")));
  EXPECT_FALSE(calm.again(three));
  EXPECT_THAT(three.notes, ElementsAre(HasSubstr("40.0 %")));
}

// One block: the third turn is disturbed once.
TEST(TakeAll, ADisturbedTryIsKeptApartAndOnlyTheOtherIsReturned) {
  const TestFolder folder;
  const Options options{.blocks = 1, .out = folder.file("run")};
  std::filesystem::create_directories(measurements_of(options));
  std::filesystem::create_directories(disturbed_of(options));
  int takes = 0;
  const auto take = [&](const Turn& turn) -> absl::StatusOr<measure::Measurement> {
    measure::Measurement made = with({++takes == 3 ? 0.3 : 0.01});
    made.label = std::string(name(turn.arm));
    made.place = {"x", turn.block, turn.order};
    made.work = {"redis", "10.0.0.1:1", 1000, 1};
    return made;
  };
  std::vector<std::string> told;
  const auto files = take_all(options, take, [&](std::string_view line) { told.emplace_back(line); });
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(takes, 5);
  ASSERT_EQ(files->size(), 4u);
  EXPECT_EQ((*files)[2], measurements_of(options) + "/block-1-3-dpu.jsonl");
  for (const std::string& file : *files) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  std::vector<std::string> apart;
  for (const auto& entry : std::filesystem::directory_iterator(disturbed_of(options)))
    apart.push_back(entry.path().filename());
  EXPECT_THAT(apart, ElementsAre("block-1-3-dpu-try-1.jsonl"));
  EXPECT_THAT(told, ::testing::Contains(HasSubstr("made again: more than 5.0 % was stolen")));
}

TEST(TakeAll, ATurnThatFailsEndsIt) {
  const auto files = take_all(
      {.blocks = 1}, [](const Turn&) { return absl::CancelledError("Ctrl-C"); }, [](std::string_view) {});
  EXPECT_EQ(files.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace outrigger::scenario
