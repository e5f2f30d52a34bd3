#include "lab/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace outrigger::lab {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

std::string error_text(int error) { return std::strerror(error); }

std::string everything_in(int fd) {
  std::string text;
  char piece[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(n));
  return text;
}

// A file without a name: no pipe to fill up, so nobody waits for a reader.
int scratch(std::string_view content) {
  const int fd = memfd_create("outrigger-lab", MFD_CLOEXEC);
  if (fd < 0) return fd;
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n <= 0) break;
    content.remove_prefix(static_cast<size_t>(n));
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

struct Streams {
  int in = -1, out = -1, err = -1;
};

absl::StatusOr<pid_t> spawn(const std::vector<std::string>& argv, char* const* environment, Streams streams,
                            short flags) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_adddup2(&actions, streams.in, 0);
  posix_spawn_file_actions_adddup2(&actions, streams.out, 1);
  posix_spawn_file_actions_adddup2(&actions, streams.err, 2);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes, pointers(argv).data(), environment);
  if (error != 0)
    return absl::FailedPreconditionError(absl::StrCat("cannot run ", argv[0], ": ", error_text(error)));
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string outcome(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("ended by signal ", WTERMSIG(status));
  return absl::StrCat("exit status ", WEXITSTATUS(status));
}

}  // namespace

bool pin(Side side) {
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(side == Side::kDpu && cpus > 1 ? 1 : 0, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

absl::StatusOr<std::string> run(const std::vector<std::string>& argv, std::string_view input) {
  const Streams streams{scratch(input), scratch({}), scratch({})};
  absl::Cleanup close_all = [&] {
    for (const int fd : {streams.in, streams.out, streams.err}) close(fd);
  };
  if (streams.in < 0 || streams.out < 0 || streams.err < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  const absl::StatusOr<pid_t> pid = spawn(argv, environ, streams, POSIX_SPAWN_SETPGROUP);
  if (!pid.ok()) return pid.status();
  const int status = wait_for(*pid);
  if (status == 0) return everything_in(streams.out);
  const std::string said = everything_in(streams.err);
  return absl::InternalError(
      absl::StrCat(absl::StrJoin(argv, " "), ": ", outcome(status), ": ", absl::StripAsciiWhitespace(said)));
}

absl::StatusOr<ProcessId> start(const std::vector<std::string>& argv,
                                const std::vector<std::string>& environment, const std::string& log,
                                Side side) {
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  absl::Cleanup close_all = [&] { close(in), close(out); };
  if (out < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", log));
  std::vector<std::string> all = environment;
  for (char** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  pin(side);
  absl::StatusOr<pid_t> pid = spawn(argv, pointers(all).data(), {in, out, out}, POSIX_SPAWN_SETSID);
  sched_setaffinity(0, sizeof before, &before);
  if (!pid.ok()) return pid.status();
  return process(*pid).value_or(ProcessId{*pid, 0});
}

std::optional<ProcessId> process(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = text.rfind(')');  // the name may hold anything, blanks and ')' too
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  ProcessId id{pid, 0};
  for (int number = 3; number <= 22 && fields >> field; ++number) {
    if (number == 3 && (field == "Z" || field == "X")) return std::nullopt;
    if (number == 22) id.start = std::strtoull(field.c_str(), nullptr, 10);
  }
  return id;
}

bool alive(const ProcessId& id) {
  waitpid(id.pid, nullptr, WNOHANG);  // ours when this very process started it; else this does nothing
  return process(id.pid) == id;
}

void terminate(const std::vector<ProcessId>& processes, absl::Duration grace) {
  std::vector<ProcessId> left;
  std::copy_if(processes.begin(), processes.end(), std::back_inserter(left), alive);
  bool killed = grace <= absl::ZeroDuration();
  for (const ProcessId& id : left) kill(id.pid, killed ? SIGKILL : SIGTERM);
  const absl::Time deadline = absl::Now() + grace;
  while (std::erase_if(left, [](const ProcessId& id) { return !alive(id); }), !left.empty()) {
    if (!killed && absl::Now() > deadline) {
      for (const ProcessId& id : left) kill(id.pid, SIGKILL);
      killed = true;
    }
    if (absl::Now() > deadline + absl::Seconds(5)) return;  // unkillable: in the kernel's hands
    absl::SleepFor(absl::Milliseconds(10));
  }
}

}  // namespace outrigger::lab
