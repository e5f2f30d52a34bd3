#include "dpu/journal/journal.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpu/journal/event_record.h"

namespace outrigger::agent {

namespace {

constexpr auto kTick = std::chrono::seconds(1);
constexpr size_t kMostStreams = 256;
constexpr absl::Duration kClockJump = absl::Milliseconds(500);

Now now() { return {absl::Now(), monotonic_now_ns()}; }

}  // namespace

Journal::Journal(JournalOptions options) : options_(std::move(options)), journald_(options_.journald) {}

absl::StatusOr<std::unique_ptr<Journal>> Journal::open(JournalOptions options) {
  std::unique_ptr<Journal> journal(new Journal(std::move(options)));
  if (absl::Status status = journal->open_all(); !status.ok()) return status;
  journal->writer_ = std::thread([raw = journal.get()] { raw->run(); });
  return journal;
}

absl::Status Journal::open_all() {
  auto dpu = Spool::open(absl::StrCat(options_.folder, "/dpu"), options_.dpu_spool);
  if (!dpu.ok()) return dpu.status();
  auto host = Spool::open(absl::StrCat(options_.folder, "/host"), options_.host_spool);
  if (!host.ok()) return host.status();
  dpu_ = *std::move(dpu);
  host_ = *std::move(host);
  file_ = std::make_unique<IncidentFile>(absl::StrCat(options_.folder, "/incidents.jsonl"));
  const Now at = now();
  incidents_.load(file_->load(), at.monotonic_ns, at.wall);
  wall_ahead_ = at.wall - absl::FromUnixNanos(at.monotonic_ns);
  tell_damage();
  return absl::OkStatus();
}

// What a kill tears off at the end is no more than that; anything else somebody should look at.
void Journal::tell_damage() {
  std::vector<std::string> found = {file_->damage(), dpu_->damage(), host_->damage()};
  std::erase(found, "");
  for (std::string& one : found) {
    Event event;
    event.severity = Severity::kWarning;
    event.service = "journal";
    event.message = std::move(one);
    record(std::move(event));
  }
}

Journal::~Journal() {
  {
    std::lock_guard guard(queue_lock_);
    ending_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
}

void Journal::record(Event event) {
  Record record = record_of(event);
  const bool important = event.kind != Kind::kNote;
  push({std::move(event), std::move(record)}, important);
}

void Journal::log(Record record) {
  record.side = "dpu";
  record.offset_ns = 0;
  record.monotonic_ns = monotonic_now_ns();
  if (record.time == absl::Time()) record.time = absl::Now();
  push({Event(), std::move(record)}, false);
}

void Journal::push(Item item, bool important) {
  bound(item.record);
  if (item.record.service.empty()) item.record.service = "agent";
  std::unique_lock lock(queue_lock_);
  const size_t room = options_.queue + (important ? options_.queue / 4 + 1 : 0);
  if (queue_.size() >= room) {
    if (lost_.size() < kMostStreams || lost_.contains(item.record.service)) ++lost_[item.record.service];
    return;
  }
  queue_.push_back(std::move(item));
  const bool first = queue_.size() == 1;
  lock.unlock();
  if (first) wake_.notify_one();
}

std::deque<Journal::Item> Journal::take(std::map<std::string, uint64_t>& lost) {
  std::unique_lock lock(queue_lock_);
  busy_ = false;
  if (queue_.empty()) idle_.notify_all();
  wake_.wait_for(lock, kTick, [this] { return !queue_.empty() || ending_; });
  std::deque<Item> items;
  items.swap(queue_);
  lost.swap(lost_);
  busy_ = !items.empty();
  return items;
}

void Journal::run() {
  for (;;) {
    std::map<std::string, uint64_t> lost;
    std::deque<Item> items = take(lost);
    for (Item& item : items) write(item);
    if (!lost.empty()) say_what_was_lost(lost);
    watch_clock();
    {
      std::lock_guard guard(lock_);
      incidents_.tick(monotonic_now_ns());
      save_incidents();
    }
    if (!items.empty()) continue;
    std::lock_guard guard(queue_lock_);
    if (ending_ && queue_.empty()) return;
  }
}

void Journal::write(Item& item) {
  Record& record = item.record;
  {
    std::lock_guard guard(lock_);
    const bool event = item.event.kind != Kind::kNote;
    const uint64_t incident = event ? incidents_.see(item.event, "dpu", record.monotonic_ns)
                              : record.severity >= Severity::kWarning ? incidents_.open_for(record.service)
                                                                      : 0;
    if (const Incident* one = incidents_.find(incident)) {
      record.incident = one->id();
      if (event) record.domain = one->domain;
    } else if (event) {
      record.domain = domain_of(item.event, "dpu");
    }
  }
  append(record);
}

void Journal::append(Record& record) {
  record.owner = owner_of(record.service);
  if (record.version.empty() && record.service == "agent") record.version = options_.version;
  if (options_.generation) record.generation = options_.generation();
  const bool wrote = dpu_->append(record);
  journald_.send(record);
  count(record, wrote);
  watch_disk(wrote);
}

// A disk that refuses is an incident of its own, and what it cost is said once it takes records again.
void Journal::watch_disk(bool wrote) {
  if (wrote != disk_refuses_) return;
  disk_refuses_ = !wrote;
  const uint64_t refused = dpu_->figures().unwritten;
  Event event;
  event.kind = Kind::kStore;
  event.phase = wrote ? Phase::kEnd : Phase::kBegin;
  event.severity = wrote ? Severity::kWarning : Severity::kError;
  event.service = "journal";
  event.message =
      wrote ? absl::StrCat("the disk takes log records again; ", refused - refused_before_, " were lost")
            : "the disk refuses log records";
  if (wrote) refused_before_ = refused;
  Record record = record_of(event);
  {
    std::lock_guard guard(lock_);
    if (const Incident* one = incidents_.find(incidents_.see(event, "dpu", record.monotonic_ns)))
      record.incident = one->id();
  }
  if (wrote) append(record);
}

void Journal::watch_clock() {
  const Now at = now();
  const absl::Duration ahead = at.wall - absl::FromUnixNanos(at.monotonic_ns);
  const absl::Duration jump = ahead - wall_ahead_;
  wall_ahead_ = ahead;
  if (absl::AbsDuration(jump) < kClockJump) return;
  Event event;
  event.kind = Kind::kClock;
  event.severity = Severity::kWarning;
  event.service = "agent";
  event.subject = "wall clock";
  event.message = absl::StrCat("the wall clock jumped by ", absl::FormatDuration(jump));
  record(std::move(event));
}

void Journal::say_what_was_lost(const std::map<std::string, uint64_t>& lost) {
  Record record{.time = absl::Now(), .monotonic_ns = monotonic_now_ns(), .service = "journal"};
  record.severity = Severity::kWarning;
  uint64_t all = 0;
  std::unique_lock lock(lock_);
  for (const auto& [service, number] : lost) {
    all += number;
    streams_[{"dpu", service}].dropped += number;
    record.evidence[service] = absl::StrCat(number);
  }
  lock.unlock();
  record.message = absl::StrCat(all, " log records found no room in the queue and were lost");
  bound(record);
  append(record);
}

absl::StatusOr<uint64_t> Journal::keep(const std::vector<Record>& shipped, uint64_t dropped) {
  std::lock_guard one_at_a_time(host_lock_);
  uint64_t last = host_->figures().last_cursor;
  for (const Record& record : shipped) {
    if (record.cursor == 0 || record.cursor >= INT64_MAX)
      return absl::InvalidArgumentError(absl::StrCat("log record without a valid cursor: ", record.cursor));
    if (record.cursor <= last) continue;  // a replay
    keep_one(record);
    if (host_->figures().last_cursor != record.cursor) break;  // the disk refuses: it must come again
    last = record.cursor;
  }
  std::lock_guard guard(lock_);
  dropped_on_host_ = std::max(dropped_on_host_, dropped);
  save_incidents();
  return last;
}

// What the host says of itself is believed; who owns it, and what it is an incident of, is not its to say.
void Journal::keep_one(Record record) {
  record.side = "host";
  record.incident.clear();
  bound(record);
  record.owner = owner_of(record.service);
  const Event event = event_of(record);
  if (event.kind != Kind::kNote) {
    std::lock_guard guard(lock_);
    if (const Incident* one = incidents_.find(incidents_.see(event, "host", monotonic_on_host(record)))) {
      record.incident = one->id();
      record.domain = one->domain;
    }
  }
  count(record, host_->keep(record));
  journald_.send(record);
}

void Journal::count(const Record& record, bool kept) {
  std::lock_guard guard(lock_);
  if (streams_.size() >= kMostStreams && !streams_.contains({record.side, record.service})) return;
  Stream& stream = streams_[{record.side, record.service}];
  if (!kept) {
    ++stream.dropped;
    return;
  }
  if (stream.records++ == 0) stream.oldest = record.time;
  stream.bytes += record.message.size() + 1;
}

void Journal::save_incidents() {
  const std::vector<uint64_t> changed = incidents_.take_changed();
  const bool due = !changed.empty() || file_->behind();
  if (due) (void)file_->save(incidents_, changed);  // tried again, whole, a tick later
}

std::string Journal::owner_of(const std::string& service, bool* declared) const {
  std::string owner = options_.owner_of ? options_.owner_of(service) : "";
  if (declared != nullptr) *declared = !owner.empty();
  return owner.empty() ? kNobody : owner;
}

std::vector<Record> Journal::read(const LogQuery& query) const {
  const Now at = now();
  return merge(read_side(*dpu_, query, at), read_side(*host_, query, at), query.limit);
}

std::vector<Incident> Journal::incidents() const {
  std::lock_guard guard(lock_);
  return incidents_.all();
}

std::vector<Journal::Stream> Journal::streams() const {
  std::vector<Stream> found;
  std::unique_lock lock(lock_);
  for (const auto& [key, stream] : streams_) {
    found.push_back(stream);
    found.back().side = key.first;
    found.back().service = key.second;
  }
  const uint64_t dropped_on_host = dropped_on_host_;
  lock.unlock();
  for (Stream& stream : found) stream.owner = owner_of(stream.service, &stream.declared);
  if (dropped_on_host != 0)
    found.push_back({.side = "host", .service = "(all)", .owner = kNobody, .dropped = dropped_on_host});
  return found;
}

bool Journal::flush(absl::Duration patience) {
  std::unique_lock lock(queue_lock_);
  return idle_.wait_for(lock, absl::ToChronoMilliseconds(patience),
                        [this] { return queue_.empty() && !busy_; });
}

}  // namespace outrigger::agent
