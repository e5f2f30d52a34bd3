#include "base/cursor_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace outrigger {

uint64_t CursorFile::load() const {
  std::ifstream file(path_);
  uint64_t cursor = 0;
  return file >> cursor ? cursor : 0;
}

absl::Status CursorFile::store(uint64_t cursor) const {
  return replace_file(path_, absl::StrCat(cursor, "\n"));
}

absl::Status replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = absl::StrCat(path, ".new");
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", fresh));
  errno = ENOSPC;  // what a short write means
  const bool whole =
      write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fdatasync(file) == 0;
  const int why = errno;
  close(file);
  if (whole && rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const int failure = whole ? errno : why;
  unlink(fresh.c_str());
  return absl::ErrnoToStatus(failure, absl::StrCat("cannot replace ", path));
}

}  // namespace outrigger
