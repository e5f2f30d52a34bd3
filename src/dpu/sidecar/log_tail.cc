#include "dpu/sidecar/log_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

constexpr size_t kLongest = 4096;  // bytes of a line that are kept

uint64_t read_place(const std::string& path) {
  uint64_t place = 0;
  std::ifstream(path) >> place;
  return place;
}

std::string trimmed(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.size() > kLongest) line.resize(kLongest);
  return line;
}

}  // namespace

Descriptor LogTail::writer() const {
  return Descriptor(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

std::vector<std::string> LogTail::lines() {
  const Descriptor file(open(path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return {};
  const std::string place_file = path_ + ".read";
  struct stat now {};
  fstat(file.get(), &now);
  const auto size = static_cast<uint64_t>(now.st_size);
  uint64_t place = read_place(place_file);
  if (place > size) place = 0;  // emptied since
  if (place == size) return {};
  std::string text(std::min(size - place, kKept), '\0');
  const ssize_t got = pread(file.get(), text.data(), text.size(), static_cast<off_t>(place));
  if (got <= 0) return {};
  text.resize(static_cast<size_t>(got));
  place += text.size();
  if (place >= kKept && place == size && ftruncate(file.get(), 0) == 0) place = 0;
  std::ofstream(place_file, std::ios::trunc) << place;

  std::vector<std::string> out;
  size_t left_out = 0;
  rest_ += text;
  size_t begin = 0;
  for (size_t end = 0; (end = rest_.find('\n', begin)) != rest_.npos; begin = end + 1) {
    if (out.size() < kMost) {
      out.push_back(trimmed(rest_.substr(begin, end - begin)));
    } else {
      ++left_out;
    }
  }
  rest_.erase(0, begin);
  if (rest_.size() > kLongest) rest_.resize(kLongest);
  if (left_out > 0) out.push_back(absl::StrCat("(", left_out, " more lines left out)"));
  return out;
}

std::string LogTail::last_words() const {
  std::ifstream file(path_, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const auto size = static_cast<std::streamoff>(file.tellg());
  file.seekg(std::max<std::streamoff>(size - 512, 0));
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace outrigger::agent
