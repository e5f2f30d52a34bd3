#include "audit/afterwards.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

extern char** environ;

namespace outrigger::audit {
namespace {

// A line means "never"; the end of the lines, however it came about, means "now".
constexpr char kWait[] = "read -r word && exit 0\nexec </dev/null\n";

absl::StatusOr<pid_t> start(const std::string& script, int in) {
  const std::string whole = absl::StrCat(kWait, script);
  const char* const argv[] = {"/bin/sh", "-c", whole.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);  // out of Ctrl-C's reach
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argv[0], &actions, &attributes, const_cast<char* const*>(argv), environ);
  if (error == 0) return pid;
  return absl::FailedPreconditionError(absl::StrCat("cannot run /bin/sh: ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<Afterwards> Afterwards::prepare(const std::string& script) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const Descriptor in(ends[0]);
  Descriptor line(ends[1]);
  const absl::StatusOr<pid_t> pid = start(script, in.get());
  if (!pid.ok()) return pid.status();
  return Afterwards(*pid, std::move(line));
}

absl::Status Afterwards::now() {
  if (!line_) return absl::OkStatus();
  line_.reset();
  int status = 0;
  while (waitpid(waits_, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("what puts things back ended with status ", status));
}

void Afterwards::never() {
  if (line_) (void)!write(line_.get(), "\n", 1);
  (void)now();
}

std::string quoted(const std::string& word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

}  // namespace outrigger::audit
