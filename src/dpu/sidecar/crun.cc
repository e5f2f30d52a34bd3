#include "dpu/sidecar/crun.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/descriptor.h"
#include "base/steady_time.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr int kNoView = 125;  // exit codes of the child when it could not become crun
constexpr int kNoProgram = 126;

bool is_hybrid() {
  struct statfs unified {};
  return access("/sys/fs/cgroup/cgroup.controllers", F_OK) != 0 &&
         statfs("/sys/fs/cgroup/unified", &unified) == 0 &&
         unified.f_type == 0x63677270;  // CGROUP2_SUPER_MAGIC
}

// Between fork and exec of a process with threads: system calls alone.
[[noreturn]] void become(char* const* arguments, const char* rootfs, bool hybrid, int output) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool view = unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    (!hybrid || umount2("/sys/fs/cgroup/unified", MNT_DETACH) == 0) &&
                    (rootfs == nullptr || mount("/", rootfs, nullptr, MS_BIND, nullptr) == 0);
  if (!view) _exit(kNoView);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, 0);
  dup2(output, 1);
  dup2(output, 2);
  execv(arguments[0], arguments);
  _exit(kNoProgram);
}

// Until it has ended, or the time is over: then it is killed.
bool wait_for(int pid, absl::Time deadline, int& status) {
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd one{process.get(), POLLIN, 0};
  const int left =
      static_cast<int>(std::max<int64_t>(absl::ToInt64Milliseconds(deadline - steady_time()), 0));
  int ready = 0;
  while ((ready = poll(&one, 1, left)) < 0 && errno == EINTR) {
  }
  if (ready == 0) kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return ready > 0;
}

std::string read_all(int file) {
  std::string text(4096, '\0');
  const ssize_t size = pread(file, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

absl::StatusOr<Crun::Result> Crun::call(const Call& call) const {
  std::vector<std::string> words = {program_, "--root", state_, "--cgroup-manager", "disabled"};
  words.insert(words.end(), call.arguments.begin(), call.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // A file, not a pipe: what it starts may keep it open.
  const Descriptor said(memfd_create("crun", MFD_CLOEXEC));
  const int output = call.output >= 0 ? call.output : said.get();
  const bool hybrid = is_hybrid();
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot start crun");
  if (pid == 0) become(arguments.data(), call.rootfs.empty() ? nullptr : call.rootfs.c_str(), hybrid, output);
  int status = 0;
  const std::string what = absl::StrCat("crun ", call.arguments[0]);
  if (!wait_for(pid, steady_time() + call.timeout, status))
    return absl::DeadlineExceededError(
        absl::StrCat(what, ": no end in ", absl::FormatDuration(call.timeout)));
  if (!WIFEXITED(status)) return absl::UnavailableError(absl::StrCat(what, ": killed"));
  const int code = WEXITSTATUS(status);
  if (code == kNoView)
    return absl::UnavailableError(absl::StrCat(what, ": no mount namespace; is this root?"));
  if (code == kNoProgram) return absl::UnavailableError(absl::StrCat("cannot run ", program_));
  return Result{code, call.output >= 0 ? "" : read_all(said.get())};
}

absl::StatusOr<int> Crun::create(const std::string& name, const std::string& bundle, int log) const {
  const std::string pid_file = absl::StrCat(bundle, "/pid");
  const auto made = call({{"create", "--bundle", bundle, "--pid-file", pid_file, name},
                          absl::StrCat(bundle, "/rootfs"),
                          log,
                          kPatience});
  if (!made.ok()) return made.status();
  if (made->code != 0)
    return absl::UnavailableError(
        absl::StrCat("crun create ended with ", made->code, ": see the service's log"));
  int pid = 0;
  std::ifstream(pid_file) >> pid;
  if (pid <= 0) return absl::UnavailableError("crun create left no pid");
  return pid;
}

absl::Status Crun::start(const std::string& name) const {
  const auto started = call({{"start", name}, "", -1, kPatience});
  if (!started.ok()) return started.status();
  return started->code == 0 ? absl::OkStatus()
                            : absl::UnavailableError(absl::StrCat("crun start: ", started->said));
}

absl::StatusOr<int> Crun::pid_of(const std::string& name, const std::string& bundle) const {
  const auto told = call({{"state", name}, "", -1, kPatience});
  if (!told.ok()) return told.status();
  const auto state = nlohmann::json::parse(told->said, nullptr, /*allow_exceptions=*/false);
  if (told->code != 0 || !state.is_object() || state.value("status", "") != "running" ||
      state.value("bundle", "") != bundle)
    return absl::NotFoundError("it does not run");
  return state.value("pid", 0);
}

absl::Status Crun::remove(const std::string& name) const {
  const auto removed = call({{"delete", "--force", name}, "", -1, kPatience});
  if (!removed.ok()) return removed.status();
  return removed->code == 0 ? absl::OkStatus() : absl::UnavailableError(removed->said);
}

absl::StatusOr<int> Crun::exec(const std::string& name, const std::vector<std::string>& command,
                               absl::Duration timeout) const {
  Call wanted{{"exec", name}, "", -1, timeout};
  wanted.arguments.insert(wanted.arguments.end(), command.begin(), command.end());
  const auto ended = call(wanted);
  if (!ended.ok()) return ended.status();
  return ended->code;
}

}  // namespace outrigger::agent
