#include "procfs/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace outrigger::procfs {

namespace {

// 0, or the error.
int read_all(int fd, size_t most, std::string& to) {
  std::array<char, 16384> part;
  while (to.size() < most) {
    const ssize_t got = ::read(fd, part.data(), std::min(part.size(), most - to.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    to.append(part.data(), static_cast<size_t>(got));
  }
  return 0;
}

}  // namespace

absl::StatusOr<Folder> Folder::open(const std::string& path) {
  Descriptor at(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return absl::ErrnoToStatus(errno, path);
  return Folder(path, std::move(at));
}

absl::Status Folder::failed(int error, const std::string& name) const {
  return absl::ErrnoToStatus(error, absl::StrCat(path_, "/", name));
}

absl::StatusOr<std::string> Folder::read(const std::string& name, size_t most) const {
  const Descriptor file(::openat(at_.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed(errno, name);
  std::string text;
  if (const int error = read_all(file.get(), most, text); error != 0) return failed(error, name);
  return text;
}

absl::StatusOr<std::string> Folder::link(const std::string& name) const {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlinkat(at_.get(), name.c_str(), target.data(), target.size());
  if (length < 0) return failed(errno, name);
  return std::string(target.data(), static_cast<size_t>(length));
}

absl::StatusOr<std::vector<std::string>> Folder::names(const std::string& name) const {
  Descriptor folder(::openat(at_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failed(errno, name);
  DIR* stream = ::fdopendir(folder.get());
  if (stream == nullptr) return failed(errno, name);
  (void)folder.release();  // the stream's from here
  const absl::Cleanup close = [stream] { (void)::closedir(stream); };
  std::vector<std::string> found;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) break;
    const std::string_view one = entry->d_name;
    if (one != "." && one != "..") found.emplace_back(one);
  }
  if (errno != 0) return failed(errno, name);
  return found;
}

absl::StatusOr<std::string> read_file(const std::string& path, size_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  const int error = file ? read_all(file.get(), most, text) : errno;
  if (error != 0) return absl::ErrnoToStatus(error, path);
  return text;
}

}  // namespace outrigger::procfs
