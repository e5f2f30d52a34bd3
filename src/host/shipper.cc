#include "host/shipper.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "absl/strings/str_cat.h"

namespace outrigger::host {

namespace {

constexpr std::chrono::milliseconds kGather(100);  // what comes together goes together
constexpr std::chrono::milliseconds kFirstWait(200);
constexpr std::chrono::milliseconds kLongestWait(5000);

size_t size_of(const Record& record) {
  size_t bytes = 256 + record.message.size();
  for (const auto& [key, value] : record.evidence) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HostLog>> HostLog::open(const HostLogOptions& options) {
  // A cursor that the DPU has seen must not come again: neither after a crash of the machine took the last
  // lines, nor when somebody removed the folder.  The time in microseconds is above any cursor counted up
  // from an earlier one.
  Spool::Limits limits = options.limits;
  limits.first_cursor = CursorFile(absl::StrCat(options.folder, "/shipped")).load() + 1;
  if (limits.first_cursor == 1)
    limits.first_cursor = static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMicros(absl::Now()), 1));
  auto spool = Spool::open(options.folder, limits);
  if (!spool.ok()) return spool.status();
  return std::unique_ptr<HostLog>(new HostLog(*std::move(spool), options));
}

HostLog::HostLog(std::unique_ptr<Spool> spool, const HostLogOptions& options)
    : spool_(std::move(spool)),
      version_(options.version),
      cursor_file_(absl::StrCat(options.folder, "/shipped")) {}

void HostLog::record(Record record) {
  record.side = "host";
  record.monotonic_ns = monotonic_now_ns();
  record.offset_ns = offset_ns().value_or(0);
  if (record.time == absl::Time()) record.time = absl::Now();
  if (record.service.empty()) record.service = "host";
  if (record.version.empty()) record.version = version_;
  bound(record);
  (void)spool_->append(record);
  std::lock_guard guard(lock_);
  if (heard_) heard_();
}

void HostLog::on_record(std::function<void()> heard) {
  std::lock_guard guard(lock_);
  heard_ = std::move(heard);
}

void HostLog::note(Severity severity, std::string message, std::map<std::string, std::string> evidence) {
  record({.domain = Domain::kHost,
          .severity = severity,
          .message = std::move(message),
          .evidence = std::move(evidence)});
}

void HostLog::clocks(int64_t sent_ns, int64_t received_ns, int64_t dpu_ns) {
  std::lock_guard guard(lock_);
  clock_.sample(sent_ns, received_ns, dpu_ns);
}

std::optional<int64_t> HostLog::offset_ns() const {
  std::lock_guard guard(lock_);
  return clock_.offset_ns();
}

Shipper::Shipper(HostLog& log, Send send)
    : log_(log), send_(std::move(send)), cursor_(log.cursor_file()), kept_to_(cursor_.load()) {
  log_.spool().handed_on(kept_to_, kept_to_);
}

Shipper::~Shipper() {
  log_.on_record({});
  {
    std::lock_guard guard(lock_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Shipper::start() {
  log_.on_record([this] { told(); });
  thread_ = std::thread([this] { run(); });
}

void Shipper::hurry() {
  {
    std::lock_guard guard(lock_);
    hurried_ = true;
  }
  wake_.notify_all();
}

void Shipper::told() {
  {
    std::lock_guard guard(lock_);
    told_ = true;
  }
  wake_.notify_all();
}

std::vector<Record> Shipper::load() {
  std::vector<Record> records;
  SpoolReader reader(log_.spool(), kept_to_);
  const auto offset = log_.offset_ns();
  const int64_t now = monotonic_now_ns();
  for (size_t bytes = 0; records.size() < kAtOnce && bytes < kBytesAtOnce;) {
    auto record = reader.next();
    if (!record) break;
    // Told before the first answer of the DPU, since this machine's start: now the offset is known.
    if (record->offset_ns == 0 && record->monotonic_ns <= now) record->offset_ns = offset.value_or(0);
    bytes += size_of(*record);
    records.push_back(*std::move(record));
  }
  return records;
}

absl::StatusOr<size_t> Shipper::ship() {
  {
    std::lock_guard guard(lock_);
    told_ = false;
  }
  if (log_.spool().figures().last_cursor <= kept_to_) return 0;  // to look into files is work
  const std::vector<Record> records = load();
  if (records.empty()) return 0;
  const auto kept = send_(records, log_.spool().figures().dropped());
  if (!kept.ok()) return kept.status();
  // A DPU that knows more than we ever told it (of another spool of this host) has all of these.
  const uint64_t to = std::min(*kept, records.back().cursor);
  if (to <= kept_to_) return absl::ResourceExhaustedError("the DPU took none of the records");
  const auto taken = std::ranges::count_if(records, [to](const Record& one) { return one.cursor <= to; });
  log_.spool().handed_on(records.front().cursor, to);
  kept_to_ = to;
  if (absl::Status status = cursor_.store(to); !status.ok()) return status;  // shipped twice, at worst
  return static_cast<size_t>(taken);
}

void Shipper::run() {
  std::minstd_rand random(std::random_device{}());
  std::chrono::milliseconds wait = kFirstWait;
  for (;;) {
    const auto shipped = ship();
    if (!shipped.ok()) {
      // Hosts that lost one DPU together do not come back together.
      const auto spread = std::chrono::milliseconds(random() % static_cast<unsigned>(wait.count() / 2 + 1));
      if (!sleep(wait + spread)) return;
      wait = std::min(wait * 2, kLongestWait);
      continue;
    }
    wait = kFirstWait;
    if (*shipped == 0 && !(sleep_until_told() && sleep(kGather))) return;
    if (!sleep(std::chrono::milliseconds(0))) return;
  }
}

bool Shipper::sleep(std::chrono::milliseconds time) {
  std::unique_lock lock(lock_);
  wake_.wait_for(lock, time, [this] { return ending_ || hurried_; });
  hurried_ = false;
  return !ending_;
}

bool Shipper::sleep_until_told() {
  std::unique_lock lock(lock_);
  wake_.wait(lock, [this] { return ending_ || told_; });
  return !ending_;
}

}  // namespace outrigger::host
