#include "measure/wakeups.h"

#include <sys/prctl.h>

#include <cerrno>
#include <random>
#include <utility>

#include "measure/clock.h"
#include "measure/cpus.h"

namespace outrigger::measure {

namespace {

void sleep_until(uint64_t at) {
  const timespec when{static_cast<time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Wakeups>> Wakeups::start(const WakeupOptions& options) {
  if (options.interval_ns == 0) return absl::InvalidArgumentError("timers need an interval");
  if (options.cpu.has_value()) {
    if (absl::Status status = check_usable(*options.cpu); !status.ok()) return status;
  }
  std::unique_ptr<Wakeups> out(new Wakeups(options));
  out->thread_ = std::thread([wakeups = out.get()] { wakeups->run(); });
  return out;
}

Wakeups::~Wakeups() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

stats::Sketch Wakeups::take() {
  const std::lock_guard guard(lock_);
  return std::exchange(late_, {});
}

void Wakeups::run() {
  if (options_.cpu.has_value()) (void)pin(pthread_self(), *options_.cpu);
  (void)prctl(PR_SET_TIMERSLACK, 1);  // else the kernel may be 50 µs late of its own accord
  std::minstd_rand random(static_cast<unsigned>(now_ns()));
  std::uniform_int_distribution<uint64_t> place(0, options_.interval_ns - 1);
  for (uint64_t begin = now_ns(); !stopping_; begin += options_.interval_ns) {
    const uint64_t at = begin + place(random);
    sleep_until(at);
    const uint64_t now = now_ns();
    const std::lock_guard guard(lock_);
    late_.add(now > at ? now - at : 0);
  }
}

}  // namespace outrigger::measure
