#include "dpu/journal/time_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace outrigger::agent {
namespace {

using testing::ElementsAre;

constexpr int64_t kSecond = 1'000'000'000;

class TimeLine : public testing::Test {
 protected:
  // `at` seconds of its side's monotonic clock; `wall` seconds of its wall clock, wherever that stands.
  void tell(Spool& spool, const std::string& message, int64_t at, int64_t wall, int64_t offset = 0) {
    Record record{.time = absl::FromUnixSeconds(wall),
                  .monotonic_ns = at * kSecond,
                  .offset_ns = offset * kSecond,
                  .service = message.substr(0, 1),
                  .message = message};
    ASSERT_TRUE(spool.append(record));
  }

  std::vector<std::string> read(const LogQuery& query = {}) {
    std::vector<std::string> messages;
    const Now now{absl::FromUnixSeconds(100'000), 1000 * kSecond};
    for (const Record& record :
         merge(read_side(*dpu_, query, now), read_side(*host_, query, now), query.limit)) {
      messages.push_back(record.message);
    }
    return messages;
  }

  TestFolder folder_;
  std::unique_ptr<Spool> dpu_ = *Spool::open(folder_.file("dpu"), {});
  std::unique_ptr<Spool> host_ = *Spool::open(folder_.file("host"), {});
};

TEST_F(TimeLine, TheOffsetPlacesTheHostsRecords) {
  tell(*dpu_, "d1", 100, 99'100);
  tell(*dpu_, "d2", 110, 99'110);
  tell(*host_, "h1", 5005, 99'105, -4900);
  tell(*host_, "h2", 5011, 99'111, -4900);
  EXPECT_THAT(read(), ElementsAre("d1", "h1", "d2", "h2"));
}

TEST_F(TimeLine, AJumpOfAWallClockReordersNothing) {
  tell(*dpu_, "d1", 100, 99'100);
  tell(*dpu_, "d2", 110, 12);  // set back by a day and more
  tell(*dpu_, "d3", 120, 22);
  tell(*host_, "h1", 105, 500'000);
  tell(*host_, "h2", 115, 3);
  EXPECT_THAT(read(), ElementsAre("d1", "h1", "d2", "h2", "d3"));
}

TEST_F(TimeLine, WithinASideTheSpoolsOrderHolds) {
  tell(*dpu_, "d1", 100, 99'100);
  tell(*dpu_, "d2", 99, 99'099);
  EXPECT_THAT(read(), ElementsAre("d1", "d2"));
}

TEST_F(TimeLine, BeforeAReboot) {
  tell(*dpu_, "d1", 80'000, 50'000);
  tell(*dpu_, "d2", 80'001, 50'001);
  tell(*dpu_, "d3", 1, 99'001);
  tell(*host_, "h1", 80'000, 50'000, 0);
  tell(*host_, "h2", 90'000, 99'002, -89'998);
  EXPECT_THAT(read(), ElementsAre("d1", "h1", "d2", "d3", "h2"));
}

TEST_F(TimeLine, FiltersAndLimits) {
  for (int i = 0; i < 10; ++i) tell(*dpu_, absl::StrCat(i % 2 == 0 ? "a" : "b", i), 900 + i * 10, 7);
  EXPECT_THAT(read({.service = "a", .limit = 2}), ElementsAre("a6", "a8"));
  EXPECT_THAT(read({.since = absl::Seconds(25)}), ElementsAre("a8", "b9"));
  EXPECT_THAT(read({.domain = "fabric"}), ElementsAre());
  EXPECT_THAT(read({.owner = "x"}), ElementsAre());
}

}  // namespace
}  // namespace outrigger::agent
