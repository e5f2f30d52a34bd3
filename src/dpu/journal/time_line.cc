#include "dpu/journal/time_line.h"

#include <algorithm>

namespace outrigger::agent {

namespace {

constexpr int64_t kSlackNs = 1'000'000'000;  // estimates of an offset differ; a reboot makes more

bool wanted(std::string_view one, const std::string& asked) { return asked.empty() || one == asked; }

}  // namespace

absl::Time Placer::place(const Record& record) {
  const int64_t on_dpu = record.monotonic_ns + record.offset_ns;
  if (this_run_ && on_dpu > newest_ns_ + kSlackNs) this_run_ = false;
  if (!this_run_ || record.monotonic_ns == 0) return record.time;
  newest_ns_ = std::min(newest_ns_, on_dpu);
  return now_.wall - absl::Nanoseconds(now_.monotonic_ns - on_dpu);
}

bool matches(const Record& record, const LogQuery& query) {
  if (!wanted(record.service, query.service) || !wanted(name(record.domain), query.domain) ||
      !wanted(record.owner, query.owner))
    return false;
  return query.incidents.empty() ||
         std::ranges::find(query.incidents, record.incident) != query.incidents.end();
}

std::vector<Placed> read_side(const Spool& spool, const LogQuery& query, Now now) {
  std::vector<Placed> found;
  Placer placer(now);
  const std::vector<uint64_t> segments = spool.segments();
  bool all_older = false;
  for (auto first = segments.rbegin(); first != segments.rend() && !all_older; ++first) {
    std::vector<Record> records = spool.segment(*first);
    all_older = !records.empty();
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
      const absl::Time when = placer.place(*record);
      if (when < now.wall - query.since) continue;
      all_older = false;
      if (!matches(*record, query)) continue;
      found.push_back({std::move(*record), when});
      if (found.size() >= query.limit) break;
    }
    if (found.size() >= query.limit) break;
  }
  std::ranges::reverse(found);
  return found;
}

std::vector<Record> merge(std::vector<Placed> dpu, std::vector<Placed> host, size_t limit) {
  std::vector<Record> line;
  line.reserve(dpu.size() + host.size());
  size_t d = 0, h = 0;
  while (d < dpu.size() || h < host.size()) {
    const bool from_dpu = h == host.size() || (d < dpu.size() && dpu[d].when <= host[h].when);
    line.push_back(std::move(from_dpu ? dpu[d++].record : host[h++].record));
  }
  if (line.size() > limit) line.erase(line.begin(), line.end() - static_cast<ptrdiff_t>(limit));
  return line;
}

}  // namespace outrigger::agent
