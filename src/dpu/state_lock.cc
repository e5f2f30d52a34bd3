#include "dpu/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/steady_time.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kDying = absl::Seconds(1), kLookAgain = absl::Milliseconds(10);

std::string holder(int file) {
  std::array<char, 32> text{};
  const ssize_t length = pread(file, text.data(), text.size() - 1, 0);
  return length > 0 ? std::string(absl::StripAsciiWhitespace(text.data())) : "unknown";
}

// One that was killed has its lock until the kernel is done with it, which takes a moment after its end is
// seen.
bool locked(int file) {
  const absl::Time end = steady_time() + kDying;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (steady_time() > end) return false;
    absl::SleepFor(kLookAgain);
  }
  return true;
}

}  // namespace

absl::StatusOr<StateLock> StateLock::take(const std::string& folder) {
  std::error_code failure;
  const bool made = std::filesystem::create_directories(folder, failure);
  if (failure) {
    return absl::PermissionDeniedError(absl::StrCat("cannot make the state folder ", folder, ": ",
                                                    failure.message(), "; choose one with --state"));
  }
  if (made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failure);
  const std::string path = absl::StrCat(folder, "/lock");
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    const absl::Status why = absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
    return absl::Status(why.code(), absl::StrCat(why.message(), "; outriggerd must be able to write to ",
                                                 folder, ", or to another folder given by --state"));
  }
  if (!locked(file)) {
    const std::string pid = holder(file);
    ::close(file);
    return absl::AlreadyExistsError(
        absl::StrCat("state folder ", folder, " is in use by another outriggerd (pid ", pid,
                     "); stop it, or give this one its own --state and --socket"));
  }
  // For whoever reads it: a full disk, which refuses it, takes nothing from the lock.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()) ||
      ftruncate(file, static_cast<off_t>(pid.size())) != 0)
    (void)ftruncate(file, 0);
  return StateLock(file);
}

StateLock::~StateLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace outrigger::agent
