#include "cli/node_watch.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/steady_time.h"
#include "cli/daemon_call.h"
#include "outrigger/v1/journal.grpc.pb.h"

namespace outrigger::cli {

namespace {

using measure::Happened;
using v1::Journal;

constexpr std::chrono::seconds kPatience(30);
constexpr uint32_t kIncidents = 10'000;
constexpr uint32_t kLast = 100, kRecords = 20'000;
constexpr char kDpu[] = "dpu";
constexpr double kClocksAgree = 1;  // s: beyond the run's ends, where an incident still is put into it

// All of them, newest first, by the node's own word.
absl::StatusOr<v1::IncidentList> incidents_of(Journal::Stub& journal) {
  v1::IncidentsRequest request;
  request.set_all(true);
  request.set_limit(kIncidents);
  return call<v1::IncidentList>(journal, &Journal::Stub::ListIncidents, request, kPatience);
}

// What engines and their ports said, oldest first.
absl::StatusOr<std::vector<v1::LogRecord>> records_of(Journal::Stub& journal, uint32_t limit) {
  v1::LogsRequest request;
  request.set_service("engine");
  request.set_limit(limit);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto reader = journal.ReadLogs(&context, request);
  std::vector<v1::LogRecord> records;
  for (v1::LogRecord record; reader->Read(&record);) records.push_back(std::move(record));
  const absl::Status status = to_status(reader->Finish());
  if (!status.ok()) return status;
  return records;
}

double seconds_of(double ms) { return ms < 0 ? -1 : ms / 1000; }

// A store that was made anew counts from one again: then the time tells them apart.
std::string key_of(const v1::Incident& one) { return absl::StrCat(one.id(), " ", one.began()); }

// The node as it was when the run began.
class Watch {
 public:
  static absl::StatusOr<Watch> begin(const std::shared_ptr<grpc::Channel>& channel) {
    Watch watch(channel);
    const auto incidents = incidents_of(*watch.journal_);
    if (!incidents.ok()) return incidents.status();
    for (const v1::Incident& one : incidents->incidents()) {
      watch.counts_[key_of(one)] = one.count();
      if (one.state() != "over" && one.cause().empty())
        watch.open_.insert(absl::StrCat(one.domain(), " ", one.kind()));
    }
    const auto records = records_of(*watch.journal_, kLast);
    if (!records.ok()) return records.status();
    for (const v1::LogRecord& record : *records) {
      if (record.side() == kDpu) watch.cursor_ = std::max(watch.cursor_, record.cursor());
    }
    return watch;
  }

  absl::StatusOr<Happened> end() const {
    const auto incidents = incidents_of(*journal_);
    if (!incidents.ok()) return incidents.status();
    const auto records = records_of(*journal_, kRecords);
    if (!records.ok()) return records.status();
    Happened out;
    add_incidents(*incidents, out);
    add_blackouts(*records, out);
    return out;
  }

 private:
  explicit Watch(const std::shared_ptr<grpc::Channel>& channel)
      : journal_(Journal::NewStub(channel)), began_(absl::Now()), steady_(steady_time()) {}

  [[nodiscard]] bool is_of_the_run(const v1::Incident& one) const {
    const auto before = counts_.find(key_of(one));
    return before == counts_.end() || one.count() > before->second;
  }

  void add_incidents(const v1::IncidentList& list, Happened& out) const {
    std::set<std::string> known;
    for (const v1::Incident& one : list.incidents()) {
      if (is_of_the_run(one)) known.insert(one.id());
    }
    size_t misplaced = 0;
    for (const v1::Incident& one : list.incidents()) {  // a consequence is told with its cause
      if (known.contains(one.id()) && !known.contains(one.cause()))
        out.incidents.push_back(measured(one, misplaced));
    }
    std::sort(out.incidents.begin(), out.incidents.end(),
              [](const auto& a, const auto& b) { return a.at_s < b.at_s; });
    if (!open_.empty())
      out.notes.push_back(absl::StrCat("incidents were open when the run began, which are not of it: ",
                                       absl::StrJoin(open_, ", ")));
    if (misplaced > 0)
      out.notes.push_back(absl::StrCat(
          misplaced,
          " of the run's incidents lie outside of it by the node's clock, which was moved or is another "
          "than this host's: they are of the run, and only their places in it are not known"));
  }

  measure::Incident measured(const v1::Incident& one, size_t& misplaced) const {
    const double length = absl::ToDoubleSeconds(steady_time() - steady_);
    const bool again = counts_.contains(key_of(one));
    double at = again ? 0 : length;
    absl::Time began;
    if (!again && absl::ParseTime(absl::RFC3339_full, one.began(), &began, nullptr))
      at = absl::ToDoubleSeconds(began - began_);
    if (!again && (at < -kClocksAgree || at > length + kClocksAgree)) ++misplaced;
    std::string summary = one.summary();
    if (again) summary = absl::StrCat("again, after ", one.began(), ": ", summary);
    if (one.consequences_size() > 0)
      absl::StrAppend(&summary, " (and ", one.consequences_size(), " that followed from it)");
    return {one.domain(),
            one.kind(),
            std::move(summary),
            seconds_of(one.detect_ms()),
            seconds_of(one.act_ms()),
            seconds_of(one.recover_ms()),
            std::clamp(at, 0.0, length)};
  }

  void add_blackouts(const std::vector<v1::LogRecord>& records, Happened& out) const {
    if (records.size() >= kRecords && records.front().cursor() > cursor_)
      out.notes.push_back(absl::StrCat("the node's engines told more than ", kRecords,
                                       " things in the run: blackouts of the earlier are not known"));
    for (const v1::LogRecord& record : records) {
      const auto told = record.evidence().find("blackout_ms");
      double ms = 0;
      if (record.cursor() <= cursor_ || record.side() != kDpu || told == record.evidence().end()) continue;
      if (absl::SimpleAtod(told->second, &ms) && std::isfinite(ms) && ms >= 0) out.blackout_ms.push_back(ms);
    }
  }

  std::shared_ptr<Journal::Stub> journal_;
  absl::Time began_, steady_;
  std::map<std::string, uint64_t> counts_;  // of incidents that were known
  std::set<std::string> open_;              // domain and kind of those that were open
  uint64_t cursor_ = 0;                     // of the DPU's last record before the run
};

}  // namespace

absl::StatusOr<measure::Since> watch_node(const std::shared_ptr<Api>& api) {
  const std::shared_ptr<grpc::Channel> channel = api->channel();
  if (channel == nullptr) return absl::UnimplementedError("this connection has no channel");
  absl::StatusOr<Watch> watch = Watch::begin(channel);
  if (!watch.ok()) return watch.status();
  return measure::Since([watch = *std::move(watch)] { return watch.end(); });
}

}  // namespace outrigger::cli
