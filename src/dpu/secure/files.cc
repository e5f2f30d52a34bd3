#include "dpu/secure/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace outrigger::secure {

namespace {

bool write_all(int file, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(file, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return fsync(file) == 0;
}

}  // namespace

absl::StatusOr<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

absl::Status replace_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string fresh = absl::StrCat(path, ".new");
  unlink(fresh.c_str());  // left by one that was killed
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", fresh));
  const bool written = write_all(file, text) && fchmod(file, mode) == 0;
  const int error = errno;
  close(file);
  if (written && rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status status =
      absl::ErrnoToStatus(written ? errno : error, absl::StrCat("cannot write ", path));
  unlink(fresh.c_str());
  return status;
}

}  // namespace outrigger::secure
