#include "dpu/journal/answers.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/record_wire.h"

namespace outrigger::agent {

namespace {

constexpr uint32_t kLogs = 1000;
constexpr uint32_t kMostLogs = 100'000;
constexpr uint32_t kIncidents = 100;

uint64_t number_of(absl::string_view id) {
  uint64_t number = 0;
  return absl::ConsumePrefix(&id, "inc-") && absl::SimpleAtoi(id, &number) ? number : 0;
}

// Incidents and what follows from which.
class Forest {
 public:
  explicit Forest(const std::vector<Incident>& all) : all_(all) {}

  [[nodiscard]] const Incident* find(uint64_t number) const {
    const auto found = std::ranges::find(all_, number, &Incident::number);
    return found == all_.end() ? nullptr : &*found;
  }

  [[nodiscard]] std::vector<const Incident*> children(uint64_t number) const {
    std::vector<const Incident*> found;
    for (const Incident& one : all_) {
      if (one.cause == number && number != 0) found.push_back(&one);
    }
    return found;
  }

  // Itself first.
  [[nodiscard]] std::vector<const Incident*> tree(const Incident& root) const {
    std::vector<const Incident*> found = {&root};
    for (const Incident* child : children(root.number)) {
      for (const Incident* one : tree(*child)) found.push_back(one);
    }
    return found;
  }

  [[nodiscard]] std::vector<const Incident*> roots_newest_first() const {
    std::vector<const Incident*> found;
    for (auto one = all_.rbegin(); one != all_.rend(); ++one) {
      if (one->cause == 0 || find(one->cause) == nullptr) found.push_back(&*one);
    }
    return found;
  }

 private:
  const std::vector<Incident>& all_;
};

void to_wire(const Incident& incident, const Forest& forest, const std::string& node, v1::Incident& wire) {
  wire.set_id(incident.id());
  wire.set_domain(std::string(name(incident.domain)));
  wire.set_service(incident.service);
  wire.set_kind(std::string(name(incident.kind)));
  wire.set_summary(incident.summary);
  wire.set_state(std::string(name(incident.state)));
  wire.set_began(time_to_text(incident.began));
  wire.set_detect_ms(incident.detect_ms);
  wire.set_act_ms(incident.act_ms);
  wire.set_recover_ms(incident.state == IncidentState::kOver ? incident.recover_ms : -1);
  for (const std::string& line : incident.evidence) wire.add_evidence(line);
  if (incident.cause != 0) wire.set_cause(absl::StrCat("inc-", incident.cause));
  for (const Incident* child : forest.children(incident.number)) wire.add_consequences(child->id());
  wire.set_count(incident.count);
  wire.set_node(node);
}

bool all_over(const std::vector<const Incident*>& tree) {
  return std::ranges::all_of(tree, [](const Incident* one) { return one->state == IncidentState::kOver; });
}

Record unreadable(const v1::LogRecord& wire, const absl::Status& why) {
  return {.time = absl::Now(),
          .monotonic_ns = wire.monotonic_ns(),
          .offset_ns = wire.offset_ns(),
          .side = "host",
          .domain = Domain::kHost,
          .service = "host",
          .severity = Severity::kWarning,
          .message = absl::StrCat("a record of the host that cannot be read: ", why.message()),
          .cursor = wire.cursor()};
}

}  // namespace

absl::StatusOr<LogQuery> query_of(const v1::LogsRequest& request, const std::vector<Incident>& incidents) {
  if (!request.domain().empty() && !domain_named(request.domain())) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", request.domain(),
                     "\" is no domain; there are application, host, dpu, policy, fabric and fleet"));
  }
  LogQuery query{.service = request.service(), .domain = request.domain(), .owner = request.owner()};
  if (request.since_seconds() > 0) query.since = absl::Seconds(request.since_seconds());
  query.limit = std::min(request.limit() == 0 ? kLogs : request.limit(), kMostLogs);
  if (request.incident().empty()) return query;
  query.incidents = {request.incident()};
  const Forest forest(incidents);
  if (const Incident* root = forest.find(number_of(request.incident()))) {
    for (const Incident* one : forest.tree(*root)) query.incidents.push_back(one->id());
  }
  return query;
}

absl::StatusOr<v1::IncidentList> list_incidents(const std::vector<Incident>& incidents,
                                                const v1::IncidentsRequest& request,
                                                const std::string& node) {
  const Forest forest(incidents);
  std::vector<const Incident*> roots = forest.roots_newest_first();
  if (!request.id().empty()) {
    const Incident* one = forest.find(number_of(request.id()));
    if (one == nullptr)
      return absl::NotFoundError(absl::StrCat("no incident \"", request.id(), "\" on node ", node));
    roots = {one};
  }
  const int limit = static_cast<int>(request.limit() == 0 ? kIncidents : request.limit());
  v1::IncidentList list;
  for (const Incident* root : roots) {
    const auto tree = forest.tree(*root);
    if (request.id().empty() && !request.all() && all_over(tree)) continue;
    if (list.incidents_size() >= limit) break;
    for (const Incident* one : tree) to_wire(*one, forest, node, *list.add_incidents());
  }
  return list;
}

v1::StreamList list_streams(const std::vector<Journal::Stream>& streams) {
  v1::StreamList list;
  for (const Journal::Stream& stream : streams) {
    v1::Stream& wire = *list.add_streams();
    wire.set_side(stream.side);
    wire.set_service(stream.service);
    wire.set_owner(stream.declared ? stream.owner
                                   : absl::StrCat(stream.owner, " (no contract declares one)"));
    wire.set_records(stream.records);
    wire.set_bytes(stream.bytes);
    wire.set_dropped(stream.dropped);
    if (stream.records != 0) wire.set_oldest(time_to_text(stream.oldest));
  }
  return list;
}

absl::StatusOr<uint64_t> keep_shipped(Journal& journal, const v1::ShipLogsRequest& request) {
  std::vector<Record> records;
  records.reserve(static_cast<size_t>(request.records_size()));
  for (const v1::LogRecord& wire : request.records()) {
    auto record = from_wire(wire);
    records.push_back(record.ok() ? *std::move(record) : unreadable(wire, record.status()));
  }
  return journal.keep(records, request.dropped());
}

}  // namespace outrigger::agent
