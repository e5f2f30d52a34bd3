#include "dpu/journal/outputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/cursor_file.h"

namespace outrigger::agent {

namespace {

constexpr auto kLook = std::chrono::milliseconds(100);
constexpr size_t kRead = 64 << 10;
constexpr size_t kMaxLine = 8 << 10;
constexpr size_t kLinesPerLook = 500;        // of one source
constexpr uint64_t kFreeEvery = 4ULL << 20;  // bytes of a file

// The level is looked for near the front, where every logger puts it.
constexpr size_t kFront = 64;

}  // namespace

Severity severity_in(std::string_view line) {
  const std::string front =
      absl::AsciiStrToLower(absl::string_view(line.data(), std::min(line.size(), kFront)));
  const auto says = [&front](const char* word) { return absl::StrContains(front, word); };
  if (says("critical") || says("panic") || says("fatal") || says("terminate called"))
    return Severity::kCritical;
  if (says("error") || says("segfault") || says("addresssanitizer")) return Severity::kError;
  if (says("warn")) return Severity::kWarning;
  if (says("debug") || says("trace")) return Severity::kDebug;
  return Severity::kInfo;
}

Outputs::Outputs(Journal& journal, std::string positions)
    : journal_(journal), positions_file_(std::move(positions)) {
  load_positions();
  reader_ = std::thread([this] { run(); });
}

Outputs::~Outputs() {
  ending_ = true;
  reader_.join();
  look();
  for (Source& source : sources_) {
    if (source.file >= 0) close(source.file);
  }
}

void Outputs::follow_file(const std::string& path, OutputOf of) {
  std::lock_guard guard(lock_);
  const auto known = std::ranges::find(sources_, path, &Source::path);
  if (known != sources_.end()) {
    read(*known);
    known->of = std::move(of);
    return;
  }
  sources_.push_back({.path = path, .of = std::move(of)});
}

void Outputs::forget_file(const std::string& path) {
  std::lock_guard guard(lock_);
  const auto known = std::ranges::find(sources_, path, &Source::path);
  if (known == sources_.end()) return;
  read(*known);
  if (known->file >= 0) close(known->file);
  sources_.erase(known);
}

void Outputs::follow_pipe(int descriptor, OutputOf of) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  std::lock_guard guard(lock_);
  sources_.push_back({.of = std::move(of), .file = descriptor});
}

void Outputs::run() {
  while (!ending_) {
    look();
    std::this_thread::sleep_for(kLook);
  }
}

void Outputs::look() {
  std::lock_guard guard(lock_);
  for (Source& source : sources_) {
    if (source.path.empty() || reopen(source)) read(source);
  }
  std::erase_if(sources_, [](const Source& source) {
    if (source.over) close(source.file);
    return source.over;
  });
  if (moved_) save_positions();
}

// True: the file is open.  One that was replaced is read to its end first.
bool Outputs::reopen(Source& source) {
  struct stat now {};
  const bool there = stat(source.path.c_str(), &now) == 0;
  if (source.file >= 0 && (!there || now.st_ino == source.inode)) {
    if (there && static_cast<uint64_t>(now.st_size) < source.offset)
      source.offset = source.freed = 0;  // cut short
    return true;
  }
  if (!there) return false;
  if (source.file >= 0) {
    read(source);
    close(source.file);
  }
  source.file = open(source.path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (source.file < 0) return false;
  const auto known = positions_.find(source.path);
  const bool the_same = known != positions_.end() && known->second.first == now.st_ino &&
                        known->second.second <= static_cast<uint64_t>(now.st_size);
  source.offset = source.freed = the_same ? known->second.second : 0;
  source.inode = now.st_ino;
  source.partial.clear();
  return true;
}

void Outputs::read(Source& source) {
  if (source.file < 0) return;
  std::string buffer(kRead, '\0');
  size_t room = kLinesPerLook;
  const bool pipe = source.path.empty();
  for (int turn = 0; turn < 64; ++turn) {
    const ssize_t got = pipe ? ::read(source.file, buffer.data(), kRead)
                             : pread(source.file, buffer.data(), kRead, static_cast<off_t>(source.offset));
    source.over = pipe && (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR));
    if (got <= 0) break;
    source.offset += static_cast<uint64_t>(got);
    source.partial.append(buffer.data(), static_cast<size_t>(got));
    lines(source, room);
  }
  if (source.over && !source.partial.empty()) {
    source.partial.push_back('\n');
    lines(source, room);
  }
  if (source.left_out != 0) {
    say(source, absl::StrCat(source.left_out, " lines of it came too fast and were left out"),
        Severity::kWarning);
    source.left_out = 0;
  }
  if (!pipe) free_what_was_read(source);
}

void Outputs::lines(Source& source, size_t& room) {
  size_t from = 0;
  for (size_t end; (end = source.partial.find('\n', from)) != std::string::npos; from = end + 1) {
    const std::string_view line(source.partial.data() + from, end - from);
    if (line.empty()) continue;
    if (room == 0) {
      ++source.left_out;
      continue;
    }
    --room;
    say(source, line.substr(0, kMaxLine), severity_in(line));
  }
  source.partial.erase(0, from);
  if (source.partial.size() > kMaxLine) {  // a line without an end
    say(source, std::string_view(source.partial).substr(0, kMaxLine), severity_in(source.partial));
    source.partial.clear();
  }
}

void Outputs::say(const Source& source, std::string_view line, Severity severity) {
  Record record{.service = source.of.service,
                .version = source.of.version,
                .severity = severity,
                .message = std::string(line)};
  if (!source.of.subject.empty()) record.evidence["subject"] = source.of.subject;
  journal_.log(std::move(record));
}

void Outputs::free_what_was_read(Source& source) {
  const uint64_t read_to = source.offset - source.partial.size();
  auto& position = positions_[source.path];
  moved_ = moved_ || position != std::pair<uint64_t, uint64_t>{source.inode, read_to};
  position = {source.inode, read_to};
  if (read_to < source.freed + kFreeEvery) return;
  // Where the file system cannot do it, the file stays long.
  (void)fallocate(source.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(read_to));
  source.freed = read_to;
}

void Outputs::load_positions() {
  std::ifstream file(positions_file_);
  uint64_t inode = 0, offset = 0;
  for (std::string path; file >> inode >> offset && std::getline(file >> std::ws, path);) {
    positions_[path] = {inode, offset};
  }
}

void Outputs::save_positions() {
  std::string text;
  for (auto one = positions_.begin(); one != positions_.end();) {
    const bool gone = access(one->first.c_str(), F_OK) != 0;
    if (!gone) absl::StrAppend(&text, one->second.first, " ", one->second.second, " ", one->first, "\n");
    one = gone ? positions_.erase(one) : std::next(one);
  }
  moved_ = !replace_file(positions_file_, text).ok();
}

}  // namespace outrigger::agent
