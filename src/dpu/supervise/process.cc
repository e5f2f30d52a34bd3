#include "dpu/supervise/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace outrigger::agent {

namespace {

constexpr size_t kTail = 8192;

// What this thread starts from now on runs there, until it ends.
class OnCpus {
 public:
  explicit OnCpus(const std::vector<unsigned>& cpus) {
    if (cpus.empty() || sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const unsigned cpu : cpus) CPU_SET(cpu, &wanted);
    changed_ = sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
  }
  ~OnCpus() {
    if (changed_) sched_setaffinity(0, sizeof(before_), &before_);
  }
  OnCpus(const OnCpus&) = delete;
  OnCpus& operator=(const OnCpus&) = delete;

 private:
  cpu_set_t before_{};
  bool changed_ = false;
};

int spawn(const std::vector<std::string>& argv, int output, pid_t& pid) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t plain = none;
  sigaddset(&plain, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &plain);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int failure = posix_spawn(&pid, words[0], &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return failure;
}

std::string ended(const siginfo_t& how) {
  if (how.si_code == CLD_EXITED) return absl::StrCat("exit ", how.si_status);
  return absl::StrCat("signal ", how.si_status, " (", strsignal(how.si_status), ")");
}

}  // namespace

absl::StatusOr<Process> Process::start(const std::vector<std::string>& argv, int output,
                                       const std::vector<unsigned>& cpus) {
  const OnCpus pinned(cpus);
  pid_t pid = 0;
  if (const int failure = spawn(argv, output, pid); failure != 0)
    return absl::ErrnoToStatus(failure, absl::StrCat("cannot start ", argv[0]));
  return find(pid);
}

absl::StatusOr<Process> Process::start(const std::vector<std::string>& argv, const std::string& log,
                                       const std::vector<unsigned>& cpus) {
  const Descriptor file(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", log));
  return start(argv, file.get(), cpus);
}

absl::StatusOr<Process> Process::find(pid_t pid) {
  Process found;
  found.pid_ = pid;
  found.pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!found.pidfd_) return absl::ErrnoToStatus(errno, absl::StrCat("cannot watch process ", pid));
  return found;
}

bool Process::alive() { return !wait(absl::ZeroDuration()); }

bool Process::wait(absl::Duration patience) {
  if (!pidfd_) return true;
  pollfd gone{pidfd_.get(), POLLIN, 0};
  if (poll(&gone, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) <= 0) return false;
  siginfo_t how{};
  const bool ours = waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &how, WEXITED | WNOHANG) == 0;
  how_ = ours && how.si_pid != 0 ? ended(how) : "ended";
  pidfd_.reset();
  return true;
}

void Process::signal(int number) const {
  if (pidfd_) syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

std::string last_lines(const std::string& file, size_t lines) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return "";
  const auto size = static_cast<size_t>(in.tellg());
  in.seekg(static_cast<std::streamoff>(size - std::min(size, kTail)));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  size_t at = text.size();
  for (size_t i = 0; i < lines && at != std::string::npos && at != 0; ++i) at = text.rfind('\n', at - 1);
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

}  // namespace outrigger::agent
