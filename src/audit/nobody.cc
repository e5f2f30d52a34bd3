#include "audit/nobody.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace outrigger::audit {
namespace {

constexpr unsigned kPatience = 30;  // seconds

}  // namespace

absl::StatusOr<std::string> as_nobody(const std::function<std::string()>& work) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "fork");
  if (child == 0) {
    alarm(kPatience);
    const bool dropped = setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
                         setresuid(kNobody, kNobody, kNobody) == 0;
    const std::string text = dropped ? absl::StrCat("=", work()) : "!";
    const size_t size = std::min<size_t>(text.size(), 4096);
    _exit(write(to.get(), text.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
  }
  to.reset();
  std::string text(4096, '\0');
  const ssize_t got = read(from.get(), text.data(), text.size());
  waitpid(child, nullptr, 0);
  if (got < 1 || text[0] != '=') return absl::FailedPreconditionError("cannot become nobody: run it as root");
  return text.substr(1, static_cast<size_t>(got) - 1);
}

// It has its name before anybody is told of it.  Whoever dropped rights is closed to all until it says
// otherwise (PR_SET_DUMPABLE).
Decoy::Decoy(const std::string& name) : pid_(-1) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  const Descriptor ready(ends[0]);
  Descriptor tell(ends[1]);
  pid_ = fork();
  if (pid_ == 0) {
    alarm(kPatience);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name.c_str());
    prctl(PR_SET_DUMPABLE, 1);
    (void)!write(tell.get(), "+", 1);
    for (;;) pause();
  }
  tell.reset();
  char byte = 0;
  (void)!read(ready.get(), &byte, 1);
}

Decoy::~Decoy() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace outrigger::audit
