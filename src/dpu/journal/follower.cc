// Reading on as records come.
#include <utility>

#include "absl/time/clock.h"
#include "dpu/journal/journal.h"

namespace outrigger::agent {

namespace {

constexpr size_t kFollowAtOnce = 1000;  // of each side

std::vector<Placed> read_on(SpoolReader& reader, const LogQuery& query) {
  std::vector<Placed> found;
  for (size_t i = 0; i < kFollowAtOnce / 2; ++i) {
    auto record = reader.next();
    if (!record) break;
    if (matches(*record, query)) found.push_back({*std::move(record), {}});
  }
  Placer placer(Now{absl::Now(), monotonic_now_ns()});
  for (auto one = found.rbegin(); one != found.rend(); ++one) one->when = placer.place(one->record);
  return found;
}

}  // namespace

Journal::Follower::Follower(const Journal& journal, LogQuery query)
    : query_(std::move(query)),
      dpu_from_(journal.dpu_->figures().last_cursor),
      host_from_(journal.host_->figures().last_cursor),
      dpu_(*journal.dpu_, dpu_from_),
      host_(*journal.host_, host_from_),
      history_(journal.read(query_)) {
  // What came while it was read is told by the readers.
  std::erase_if(history_, [this](const Record& record) {
    return record.cursor > (record.side == "dpu" ? dpu_from_ : host_from_);
  });
}

std::vector<Record> Journal::Follower::next() {
  if (!history_.empty()) return std::exchange(history_, {});
  return merge(read_on(dpu_, query_), read_on(host_, query_), kFollowAtOnce);
}

}  // namespace outrigger::agent
