// Two sides, two clocks, one time line.  Wall clocks jump and disagree, so records are placed by the DPU's
// monotonic clock: a host-side record carries the offset to it.  Within a side the spool's order holds,
// whatever the clocks say.
//
// Theory of operation: a record of the clock's present run (no reboot since) happened now - (monotonic now -
// its own); an older one, whose run is recognised by a clock that stood higher, has only its wall time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/spool.h"

namespace outrigger::agent {

struct LogQuery {
  std::string service;  // empty: any
  std::string domain;
  std::string owner;
  std::vector<std::string> incidents;
  absl::Duration since = absl::InfiniteDuration();
  size_t limit = 1000;  // the last so many
};

struct Placed {
  Record record;
  absl::Time when;  // on the time line
};

struct Now {
  absl::Time wall;
  int64_t monotonic_ns = 0;
};

// Gives records of one side, newest first, their places.
class Placer {
 public:
  explicit Placer(Now now) : now_(now), newest_ns_(now.monotonic_ns) {}
  absl::Time place(const Record& record);

 private:
  Now now_;
  int64_t newest_ns_;
  bool this_run_ = true;
};

bool matches(const Record& record, const LogQuery& query);

// Of one side, oldest first; at most query.limit.
std::vector<Placed> read_side(const Spool& spool, const LogQuery& query, Now now);

// Both in one order, the last `limit`.
std::vector<Record> merge(std::vector<Placed> dpu, std::vector<Placed> host, size_t limit);

}  // namespace outrigger::agent
