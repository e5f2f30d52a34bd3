#include "base/program.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace outrigger {

namespace {

constexpr uint64_t kShortTurn = 100'000;  // ns; the least that the kernel gives

// struct sched_attr of sched_setattr(2), which glibc 2.36 does not declare.
struct SchedAttributes {
  uint32_t size = sizeof(SchedAttributes);
  uint32_t policy = 0;  // SCHED_OTHER
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;  // ns
};

bool set(SchedAttributes& wanted) { return ::syscall(SYS_sched_setattr, 0, &wanted, 0) == 0; }

}  // namespace

Descriptor block_signals() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return Descriptor(::signalfd(-1, &ending, SFD_CLOEXEC));
}

void allow_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

void take_rank(Rank rank) {
  SchedAttributes wanted;
  wanted.nice = static_cast<int32_t>(rank);
  if (rank == Rank::kFirst) wanted.runtime = kShortTurn;
  if (set(wanted)) return;
  wanted.nice = 0;
  (void)set(wanted);
}

void take_watch() {
  SchedAttributes wanted;
  wanted.policy = SCHED_FIFO;
  wanted.priority = 1;
  if (!set(wanted)) take_rank(Rank::kFirst);
}

ProcessRank::ProcessRank() : file_(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC)) {}

void ProcessRank::take(Rank rank) {
  const int nice = static_cast<int>(rank);
  if (!file_ || taken_.load(std::memory_order_relaxed) == nice) return;
  const std::string text = std::to_string(nice);
  if (::write(file_.get(), text.data(), text.size()) > 0) taken_.store(nice, std::memory_order_relaxed);
}

}  // namespace outrigger
