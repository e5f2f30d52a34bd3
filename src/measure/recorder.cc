#include "measure/recorder.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "measure/clock.h"
#include "measure/differences.h"

namespace outrigger::measure {

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace

// Read one inside the other; of several tries the one where least came between counts.
int64_t ClockSteps::offset_ns() {
  int64_t best = 0;
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 5 && least > 1000; ++i) {
    const uint64_t before = now_ns(), wall = clock_ns(CLOCK_REALTIME), after = now_ns();
    if (after - before >= least) continue;
    least = after - before;
    best = static_cast<int64_t>(wall) - static_cast<int64_t>(before + least / 2);
  }
  return best;
}

int64_t ClockSteps::take_us() {
  const int64_t before = std::exchange(offset_ns_, offset_ns());
  const int64_t step = (offset_ns_ - before) / 1000;
  return std::llabs(step) < kLeastStepUs ? 0 : step;
}

Recorder::Own Recorder::own() {
  rusage usage{};
  (void)getrusage(RUSAGE_SELF, &usage);
  std::ifstream statm("/proc/self/statm");
  uint64_t all = 0, resident = 0;
  statm >> all >> resident;
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime),
          resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE))};
}

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::start(const RecorderOptions& options) {
  std::unique_ptr<Recorder> out(new Recorder());
  out->proc_ = options.proc;
  auto spin = SpinGap::start(options.spin);
  if (!spin.ok()) return spin.status();
  out->spin_ = *std::move(spin);
  auto wakeups = Wakeups::start(options.wakeups);
  if (!wakeups.ok()) return wakeups.status();
  out->wakeups_ = *std::move(wakeups);
  if (options.probe.has_value()) {
    auto probe = LatencyProbe::start(*options.probe);
    if (!probe.ok()) return probe.status();
    out->probe_ = *std::move(probe);
  }
  out->own_ = own();
  out->counts_ = procfs::read_host(out->proc_);
  out->begun_ns_ = out->closed_ns_ = now_ns();
  return out;
}

Window Recorder::close_window() {
  procfs::HostCounts counts = procfs::read_host(proc_);
  const uint64_t now = now_ns();
  Window out;
  // Ends are rounded, not lengths: so that they add up.
  out.start_ms = std::exchange(ended_ms_, std::max((now - begun_ns_) / 1'000'000, ended_ms_ + 1));
  out.length_ms = ended_ms_ - out.start_ms;
  const double length = std::max(static_cast<double>(now - closed_ns_) / 1e9, 1e-6);
  out.clock_step_us = clock_.take_us();
  add_differences(counts_, counts, length, out);
  Spun spun = spin_->take();
  out.gaps = std::move(spun.gaps);
  out.spun = rounded(spun.seconds);
  out.wakeups = wakeups_->take();
  if (probe_ != nullptr) {
    Answered answered = probe_->take();
    out.latency = std::move(answered.latency);
    out.sent = answered.sent;
    out.failed = answered.failed;
  }
  const Own now_own = own();
  out.own_cpu = rounded((now_own.cpu_seconds - own_.cpu_seconds) / length);
  out.own_memory = now_own.memory;
  own_ = now_own;
  counts_ = std::move(counts);
  closed_ns_ = now;
  return out;
}

Window Recorder::close_last() {
  if (probe_ != nullptr) probe_->finish();
  return close_window();
}

}  // namespace outrigger::measure
