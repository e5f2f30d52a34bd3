#include "inventory/watch.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <thread>

namespace outrigger::inventory {

namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

double tick() {
  static const double seconds = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return seconds;
}

uint64_t grown(uint64_t before, uint64_t now) { return now > before ? now - before : 0; }

// Nanoseconds are finer, ticks know of threads that have ended: they are off by no more than two.
double cpu_seconds(uint64_t ns, uint64_t ticks) {
  const double fine = static_cast<double>(ns) / 1e9, coarse = static_cast<double>(ticks) * tick();
  return coarse - fine > 2 * tick() ? coarse : fine;
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double mean = 0, squares = 0;
  for (const double one : values) mean += one / static_cast<double>(values.size());
  for (const double one : values) squares += (one - mean) * (one - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace

ProcessKey key_of(const procfs::Process& process) { return {process.pid, process.start_ticks}; }

Activities read_activities(const std::string& root) {
  Activities found;
  for (const uint32_t pid : procfs::pids(root)) {
    if (const auto one = procfs::read_activity(pid, root); one.ok())
      found.emplace(ProcessKey{pid, one->start_ticks}, *one);
  }
  return found;
}

Watch::Done Watch::difference(const procfs::Activity& before, const procfs::Activity& now) {
  Done done;
  done.wakeups = grown(before.voluntary, now.voluntary);
  done.switches = done.wakeups + grown(before.involuntary, now.involuntary);
  done.wait = static_cast<double>(grown(before.run_queue_wait_ns, now.run_queue_wait_ns)) / 1e9;
  done.cpu = cpu_seconds(grown(before.cpu_ns, now.cpu_ns), grown(before.cpu_ticks, now.cpu_ticks));
  return done;
}

void Watch::add(Activities now, double seconds) {
  const auto window = static_cast<uint32_t>(seconds_.size());
  seconds_.push_back(seconds);
  for (const auto& [key, activity] : now) {
    const auto at = before_.find(key);
    // Who was not there before has begun since.
    const Done done = difference(at == before_.end() ? procfs::Activity{} : at->second, activity);
    if (done.cpu > 0 || done.switches > 0 || done.wait > 0) done_[key][window] = done;
  }
  before_ = std::move(now);
}

offload::Noise Watch::noise_of(const std::vector<ProcessKey>& processes) const {
  Done sum;
  std::vector<double> cpu(seconds_.size());
  for (const ProcessKey& key : processes) {
    const auto windows = done_.find(key);
    if (windows == done_.end()) continue;
    for (const auto& [window, done] : windows->second) {
      cpu[window] += done.cpu / seconds_[window];
      sum.cpu += done.cpu;
      sum.wait += done.wait;
      sum.switches += done.switches;
      sum.wakeups += done.wakeups;
    }
  }
  double watched = 0;
  for (const double one : seconds_) watched += one;
  offload::Noise noise;
  noise.watched_seconds = watched;
  if (watched <= 0) return noise;
  noise.cpu = sum.cpu / watched;
  noise.cpu_deviation = deviation(cpu);
  noise.switches_per_second = static_cast<double>(sum.switches) / watched;
  noise.wakeups_per_second = static_cast<double>(sum.wakeups) / watched;
  noise.run_queue_wait = sum.wait / watched;
  return noise;
}

Watch watch(const std::string& root, duration<double> lasts, const std::function<void(double)>& progress) {
  const auto windows = static_cast<uint32_t>(std::max(1.0, std::round(lasts.count())));
  const auto start = steady_clock::now();
  Watch watch(read_activities(root));
  auto before = start;
  for (uint32_t i = 1; i <= windows; ++i) {
    const duration<double> planned = lasts * i / windows;
    std::this_thread::sleep_until(start + std::chrono::duration_cast<steady_clock::duration>(planned));
    const auto now = steady_clock::now();
    watch.add(read_activities(root), duration<double>(now - before).count());
    before = now;
    if (progress) progress(duration<double>(now - start).count());
  }
  return watch;
}

offload::Noise noise_since_start(const std::vector<const procfs::Process*>& processes, double uptime) {
  offload::Noise noise;
  for (const procfs::Process* one : processes) {
    // Who began just now has no rates yet.
    const double age = std::max(uptime - static_cast<double>(one->start_ticks) * tick(), 1.0);
    noise.cpu += cpu_seconds(one->cpu_ns, one->cpu_ticks) / age;
    noise.switches_per_second += static_cast<double>(one->voluntary + one->involuntary) / age;
    noise.wakeups_per_second += static_cast<double>(one->voluntary) / age;
    noise.run_queue_wait += static_cast<double>(one->run_queue_wait_ns) / 1e9 / age;
  }
  return noise;
}

}  // namespace outrigger::inventory
