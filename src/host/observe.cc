#include "host/observe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/descriptor.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "host/process_use.h"
#include "measure/clock.h"
#include "measure/lines.h"

namespace outrigger::host {

namespace {

constexpr uint32_t kNobody = 65534;
constexpr uint64_t kTimerNs = 50'000'000;  // 20 wakeups a second: a tenth of what a measurement takes
constexpr Limits kOfSampler{.cpus = 0.01, .memory = uint64_t{24} << 20};  // the rest is the daemon's
constexpr int kFirstPauseMs = 1000, kLongestPauseMs = 60'000;
constexpr int kLastWordsMs = 2000;

absl::StatusOr<measure::RecorderOptions> recorder_options(const ObserveOptions& options) {
  measure::RecorderOptions out;
  out.spin.turn_ns = Restraint::kMostTurnNs;
  out.wakeups.interval_ns = kTimerNs;
  if (options.work.empty()) return out;
  auto target = measure::parse_target(options.work);
  if (!target.ok()) return target.status();
  out.probe = {.target = *std::move(target), .rate = options.rate, .connections = 4};
  return out;
}

bool say(const measure::Json& line) {
  const std::string text = absl::StrCat(measure::dump(line), "\n");
  for (size_t done = 0; done < text.size();) {
    const ssize_t size = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    done += static_cast<size_t>(size);
  }
  return true;
}

// The process that measures.
class Sampler {
 public:
  Sampler(const ObserveOptions& options, const Bounds& bounds, int stop)
      : options_(options), bounds_(bounds), stop_(stop), restraint_(Limits{}.cpus) {}

  int run(const SandboxReport& sandbox);

 private:
  bool wait(uint64_t until) const;
  measure::Window close(measure::Recorder& recorder);
  void discard_if_throttled(measure::Window& window);
  void sum_up() const;

  const ObserveOptions& options_;
  const Bounds& bounds_;
  const int stop_;
  Restraint restraint_;
  std::optional<ProcessUse> agent_, keeper_;
  uint64_t throttled_ = 0, memory_ = 0;
  size_t windows_ = 0, discarded_ = 0;
  double cpu_sum_ = 0, cpu_most_ = 0;
};

int Sampler::run(const SandboxReport& sandbox) {
  const auto options = recorder_options(options_);
  auto recorder = options.ok() ? measure::Recorder::start(*options) : options.status();
  if (!recorder.ok()) {
    std::cerr << "outrigger-host observe: " << recorder.status().message() << std::endl;
    return 2;
  }
  if (options_.agent > 0) agent_.emplace(options_.agent);
  keeper_.emplace(getppid());
  throttled_ = bounds_.throttled().value_or(0);
  std::vector<std::string> enforced = bounds_.enforced(), not_enforced = bounds_.not_enforced();
  enforced.insert(enforced.end(), sandbox.enforced.begin(), sandbox.enforced.end());
  not_enforced.insert(not_enforced.end(), sandbox.not_enforced.begin(), sandbox.not_enforced.end());
  bool heard =
      say({{"enforced", enforced}, {"not_enforced", not_enforced}, {"missing", (*recorder)->missing()}});
  const uint64_t begun = measure::now_ns(), length = static_cast<uint64_t>(options_.window_s * 1e9);
  const uint64_t end = options_.for_s > 0 ? begun + static_cast<uint64_t>(options_.for_s * 1e9) : UINT64_MAX;
  for (uint64_t at = begun + length; heard && at <= end && wait(at); at += length)
    heard = say(measure::json_of(close(**recorder), windows_++));
  sum_up();
  return 0;
}

bool Sampler::wait(uint64_t until) const {
  for (uint64_t now = measure::now_ns(); now < until; now = measure::now_ns()) {
    pollfd asked{stop_, POLLIN, 0};
    if (poll(&asked, 1, static_cast<int>((until - now) / 1'000'000) + 1) > 0) return false;
  }
  return true;
}

measure::Window Sampler::close(measure::Recorder& recorder) {
  measure::Window window = recorder.close_window();
  const double seconds = static_cast<double>(window.length_ms) / 1e3;
  ProcessUse::Memory memory = ProcessUse(getpid()).memory();
  for (auto* other : {&agent_, &keeper_}) {
    if (!other->has_value()) continue;
    window.own_cpu += (*other)->take_cpu_seconds() / seconds;
    memory.add((*other)->memory());
  }
  window.own_memory = memory.bytes();
  recorder.spin().set_turn(restraint_.turn_ns(window.own_cpu - window.spun / seconds));
  discard_if_throttled(window);
  cpu_sum_ += window.own_cpu;
  cpu_most_ = std::max(cpu_most_, window.own_cpu);
  memory_ = std::max(memory_, window.own_memory);
  return window;
}

// The kernel stopped us for having used our share: what we saw then was ourselves.
void Sampler::discard_if_throttled(measure::Window& window) {
  const uint64_t throttled = bounds_.throttled().value_or(throttled_);
  if (std::exchange(throttled_, throttled) == throttled) return;
  ++discarded_;
  window.gaps = {};
  window.spun = 0;
  window.wakeups = {};
  window.latency = {};
  window.sent = window.failed = 0;
}

void Sampler::sum_up() const {
  if (windows_ == 0) return;
  std::cerr
      << absl::StrFormat(
             "outrigger-host observe: %d windows; the agent took %.4f CPUs on the average, %.4f at most, and "
             "%.1f MiB; bounds: %.2f CPUs, %d MiB; %d windows discarded because the kernel held it back",
             windows_, cpu_sum_ / static_cast<double>(windows_), cpu_most_,
             static_cast<double>(memory_) / (1 << 20), Limits{}.cpus, Limits{}.memory >> 20, discarded_)
      << std::endl;
}

SandboxReport give_up_rights(const ObserveOptions& options) {
  if (!options.sandbox) return {{}, {"everything: --no-sandbox"}};
  SandboxSpec spec{.readable = {"/proc", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/etc"},
                   .network_sockets = !options.work.empty()};
  if (geteuid() != 0) return enter_sandbox(spec);
  spec.uid = kNobody;
  SandboxReport report = enter_sandbox(spec);
  if (geteuid() != 0) return report;
  spec.uid.reset();  // it may not be another; then with no right that root has
  const SandboxReport rest = enter_sandbox(spec);
  report.enforced.insert(report.enforced.end(), rest.enforced.begin(), rest.enforced.end());
  return report;
}

// What it takes to put the next sampler where it belongs, and to remove a folder that not even its owner may
// write.
void keep_few_rights(const ObserveOptions& options) {
  if (!options.sandbox || geteuid() != 0) return;
  (void)enter_sandbox({.capabilities = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_DAC_OVERRIDE},
                       .readable = {"/proc", "/sys", "/etc"},
                       .writable = {"/sys/fs/cgroup"},
                       .network_sockets = !options.work.empty()});
}

// Ends when `life` can be read: its other end is the keeper's.
[[noreturn]] void be_the_sampler(const ObserveOptions& options, Bounds& bounds, int life) {
  (void)prctl(PR_SET_NAME, "outrigger-obs");
  SandboxReport entered;
  if (!bounds.enter()) entered.not_enforced.emplace_back("cgroup: could not be entered");
  SandboxReport sandbox = give_up_rights(options);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of user, which forgets it
  (void)prctl(PR_SET_DUMPABLE, 0);
  sandbox.not_enforced.insert(sandbox.not_enforced.end(), entered.not_enforced.begin(),
                              entered.not_enforced.end());
  _exit(Sampler(options, bounds, life).run(sandbox));
}

// The process that keeps the bounds, and the one that measures alive.
class Keeper {
 public:
  Keeper(const ObserveOptions& options, Bounds& bounds, int signals)
      : options_(options), bounds_(bounds), signals_(signals) {}

  absl::Status run() {
    for (int pause = kFirstPauseMs;; pause = std::min(2 * pause, kLongestPauseMs)) {
      const uint64_t begun = measure::now_ns();
      const absl::StatusOr<int> ended = one_life();
      if (!ended.ok()) return ended.status();
      if (*ended == 0 || told_) return absl::OkStatus();
      if (*ended == 2) return absl::InvalidArgumentError("it could not begin to measure");
      if (measure::now_ns() - begun > uint64_t{kLongestPauseMs} * 1'000'000) pause = kFirstPauseMs;
      std::cerr << "outrigger-host observe: what measures has died (" << *ended << "); a new one in " << pause
                << " ms" << std::endl;
      if (wait_signal(pause)) return absl::OkStatus();
    }
  }

 private:
  bool wait_signal(int ms) {
    pollfd asked{signals_, POLLIN, 0};
    told_ = told_ || poll(&asked, 1, ms) > 0;
    return told_;
  }

  // Its exit status, or 128 and the signal.
  absl::StatusOr<int> one_life() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
    const Descriptor its(ends[0]);
    Descriptor ours(ends[1]);
    const pid_t child = fork();
    if (child < 0) return absl::ErrnoToStatus(errno, "fork");
    if (child == 0) {
      ours.reset();
      be_the_sampler(options_, bounds_, its.get());
    }
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
      if (!wait_signal(500)) continue;
      bounds_.lift();
      ours.reset();
      for (int waited = 0; waited < kLastWordsMs && waitpid(child, &status, WNOHANG) == 0; waited += 20)
        usleep(20'000);
      break;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  const ObserveOptions& options_;
  Bounds& bounds_;
  const int signals_;
  bool told_ = false;
};

}  // namespace

uint64_t Restraint::turn_ns(double others) {
  usual_ = usual_.has_value() ? 0.7 * *usual_ + 0.3 * others : others;
  const double left = std::clamp(limit_ * kShare - std::max(*usual_, others), 0.0, 1.0);
  return std::min(static_cast<uint64_t>(left * 1e9), kMostTurnNs);
}

absl::Status observe(const ObserveOptions& options) {
  if (const auto checked = recorder_options(options); !checked.ok()) return checked.status();
  if (options.window_s < 0.1 || options.window_s > 3600)
    return absl::InvalidArgumentError("a window has from 0.1 to 3600 seconds");
  (void)prctl(PR_SET_NAME, "outrigger-host");  // when it was started by another name
  if (options.agent > 0) (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
  const Descriptor signals = block_signals();
  Bounds bounds(absl::StrCat(options.name, "-", getpid()), kOfSampler);
  keep_few_rights(options);
  const absl::Status status = Keeper(options, bounds, signals.get()).run();
  bounds.remove();
  return status;
}

}  // namespace outrigger::host
