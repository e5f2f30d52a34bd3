#include "base/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/cursor_file.h"

namespace outrigger {

namespace {

constexpr size_t kMaxLine = 128 << 10;
constexpr size_t kReadSize = 64 << 10;
constexpr const char* kSuffix = ".jsonl";

std::optional<uint64_t> cursor_of(const std::filesystem::path& file) {
  uint64_t first = 0;
  if (file.extension() != kSuffix || !absl::SimpleAtoi(file.stem().string(), &first)) return std::nullopt;
  if (first > INT64_MAX) return std::nullopt;
  return first;
}

// A line of a segment; a cursor that leaves no room for more is damage.
std::optional<Record> record_in(std::string_view line) {
  auto record = record_from_json(line);
  if (!record.ok() || record->cursor > INT64_MAX) return std::nullopt;
  return *std::move(record);
}

bool write_whole(int file, const std::string& line) {
  const ssize_t written = write(file, line.data(), line.size());
  return written == static_cast<ssize_t>(line.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::open(const std::string& folder, Limits limits) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure)
    return absl::PermissionDeniedError(absl::StrCat("cannot make ", folder, ": ", failure.message()));
  std::unique_ptr<Spool> spool(new Spool(folder, limits));
  absl::Status status = spool->lock_folder();
  if (status.ok()) status = spool->load();
  if (!status.ok()) return status;
  return spool;
}

Spool::~Spool() {
  if (file_ >= 0) close(file_);
  if (lock_file_ >= 0) close(lock_file_);
}

absl::Status Spool::lock_folder() {
  const std::string name = absl::StrCat(folder_, "/lock");
  lock_file_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_file_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", name));
  if (flock(lock_file_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("another process writes to ", folder_));
}

absl::Status Spool::load() {
  std::vector<uint64_t> found;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failure)) {
    if (const auto first = cursor_of(entry.path())) found.push_back(*first);
  }
  if (failure) return absl::InternalError(absl::StrCat("cannot read ", folder_, ": ", failure.message()));
  std::sort(found.begin(), found.end());
  for (const uint64_t first : found) {
    if (absl::Status status = load_segment(first); !status.ok()) return status;
  }
  next_ = std::max(next_, limits_.first_cursor);
  retired_ = CursorFile(absl::StrCat(folder_, "/retired")).load();
  lost_ = CursorFile(absl::StrCat(folder_, "/lost")).load();
  if (segments_.empty()) return absl::OkStatus();
  file_ = ::open(path(segments_.back().first).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  return absl::OkStatus();
}

// Counts a segment's lines and cuts off a torn last one.
absl::Status Spool::load_segment(uint64_t first) {
  const std::string name = path(first);
  Segment segment{first, 0, 0};
  segments_.push_back(segment);
  next_ = std::max(next_, first);
  SpoolReader reader(*this, 0);
  if (!reader.open_segment(first)) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name));
  for (size_t at = 1; const auto line = reader.line(); ++at) {
    segment.bytes += line->size() + 1;
    const auto record = record_in(*line);
    if (!record) {
      ++torn_;
      if (damaged_++ == 0) first_damage_ = absl::StrCat(name, " line ", at);
      continue;
    }
    ++segment.records;
    next_ = std::max(next_, record->cursor + 1);
  }
  segments_.back() = segment;
  struct stat file {};
  if (stat(name.c_str(), &file) != 0 || static_cast<uint64_t>(file.st_size) <= segment.bytes)
    return absl::OkStatus();
  ++torn_;
  if (truncate(name.c_str(), static_cast<off_t>(segment.bytes)) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot cut the torn end of ", name));
  return absl::OkStatus();
}

bool Spool::append(Record& record) {
  std::lock_guard guard(lock_);
  record.cursor = next_;
  return write_line(record);
}

bool Spool::keep(const Record& record) {
  std::lock_guard guard(lock_);
  return record.cursor >= next_ && record.cursor < INT64_MAX && write_line(record);
}

bool Spool::write_line(const Record& record) {
  std::string line = to_json(record);
  line.push_back('\n');
  const bool full = !segments_.empty() && segments_.back().bytes + line.size() > limits_.segment_bytes;
  if (line.size() > kMaxLine || ((full || file_ < 0) && !start_segment(record.cursor))) {
    ++unwritten_;
    return false;
  }
  Segment& segment = segments_.back();
  if (!write_whole(file_, line)) {
    if (ftruncate(file_, static_cast<off_t>(segment.bytes)) != 0) {
      close(file_);  // the next one begins a segment of its own
      file_ = -1;
    }
    ++unwritten_;
    return false;
  }
  segment.bytes += line.size();
  ++segment.records;
  next_ = record.cursor + 1;
  return true;
}

bool Spool::start_segment(uint64_t first) {
  const int fresh = ::open(path(first).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fresh < 0) return false;
  if (file_ >= 0) close(file_);
  file_ = fresh;
  if (segments_.empty() || segments_.back().first != first) segments_.push_back({first, 0, 0});
  while (segments_.size() > std::max<size_t>(limits_.segments, 1)) retire_oldest();
  return true;
}

void Spool::retire_oldest() {
  const Segment oldest = segments_.front();
  unlink(path(oldest.first).c_str());
  segments_.pop_front();
  retired_to_ = segments_.empty() ? next_ - 1 : segments_.front().first - 1;
  retired_ += oldest.records;
  lost_ += std::min(oldest.records, retired_to_ - std::min(handed_to_, retired_to_));
  (void)CursorFile(absl::StrCat(folder_, "/retired")).store(retired_);
  (void)CursorFile(absl::StrCat(folder_, "/lost")).store(lost_);
}

// Some may have been removed, and counted as lost, while they were on their way.
void Spool::handed_on(uint64_t first, uint64_t last) {
  std::lock_guard guard(lock_);
  const uint64_t end = std::min(last, retired_to_);
  if (end >= first) lost_ -= std::min(lost_, end - first + 1);
  handed_to_ = std::max(handed_to_, last);
}

Spool::Figures Spool::figures() const {
  std::lock_guard guard(lock_);
  Figures figures{
      .retired = retired_, .lost = lost_, .unwritten = unwritten_, .torn = torn_, .last_cursor = next_ - 1};
  for (const Segment& segment : segments_) {
    figures.records += segment.records;
    figures.bytes += segment.bytes;
  }
  return figures;
}

std::string Spool::damage() const {
  if (damaged_ == 0) return "";
  return absl::StrCat(first_damage_, ": not a log record; ", damaged_, " such lines are passed over");
}

std::vector<uint64_t> Spool::segments() const {
  std::lock_guard guard(lock_);
  std::vector<uint64_t> firsts;
  for (const Segment& segment : segments_) firsts.push_back(segment.first);
  return firsts;
}

std::vector<Record> Spool::segment(uint64_t first) const {
  std::vector<Record> records;
  SpoolReader reader(*this, 0);
  if (!reader.open_segment(first)) return records;
  while (const auto line = reader.line()) {
    if (auto record = record_in(*line)) records.push_back(*std::move(record));
  }
  return records;
}

std::string Spool::path(uint64_t first) const {
  return absl::StrFormat("%s/%020d%s", folder_, first, kSuffix);
}

uint64_t Spool::segment_after(uint64_t first) const {
  std::lock_guard guard(lock_);
  for (const Segment& segment : segments_) {
    if (segment.first > first) return segment.first;
  }
  return 0;
}

uint64_t Spool::segment_holding(uint64_t cursor) const {
  std::lock_guard guard(lock_);
  uint64_t found = segments_.empty() ? 0 : segments_.front().first;
  for (const Segment& segment : segments_) {
    if (segment.first <= cursor) found = segment.first;
  }
  return found;
}

SpoolReader::~SpoolReader() {
  if (file_ >= 0) close(file_);
}

std::optional<Record> SpoolReader::next() {
  if (file_ < 0 && !open_segment(spool_.segment_holding(after_ + 1))) return std::nullopt;
  for (;;) {
    const auto text = line();
    if (!text) {
      if (!go_on()) return std::nullopt;
      continue;
    }
    auto record = record_in(*text);
    if (!record) {
      ++spool_.torn_;
      continue;
    }
    if (record->cursor <= after_) continue;
    after_ = record->cursor;
    return record;
  }
}

bool SpoolReader::open_segment(uint64_t first) {
  if (first == 0) return false;
  const int file = ::open(spool_.path(first).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  if (file_ >= 0) close(file_);
  file_ = file;
  segment_ = first;
  offset_ = used_ = 0;
  buffer_.clear();
  return true;
}

// To the next segment, once there is one: then this one gets no more lines.
bool SpoolReader::go_on() {
  const uint64_t following = spool_.segment_after(segment_);
  if (following == 0) return false;
  if (fill() && buffer_.find('\n', used_) != std::string::npos) return true;  // written before it was closed
  return open_segment(following);
}

bool SpoolReader::fill() {
  buffer_.erase(0, used_);
  used_ = 0;
  const size_t had = buffer_.size();
  buffer_.resize(had + kReadSize);
  const ssize_t got = pread(file_, buffer_.data() + had, kReadSize, static_cast<off_t>(offset_));
  buffer_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  offset_ += static_cast<uint64_t>(std::max<ssize_t>(got, 0));
  return got > 0;
}

std::optional<std::string_view> SpoolReader::line() {
  for (;;) {
    const size_t end = buffer_.find('\n', used_);
    if (end != std::string::npos) {
      const std::string_view found(buffer_.data() + used_, end - used_);
      used_ = end + 1;
      return found;
    }
    if (!fill()) break;
  }
  offset_ -= buffer_.size() - used_;  // half a line may be undone and written anew
  buffer_.clear();
  used_ = 0;
  return std::nullopt;
}

}  // namespace outrigger
