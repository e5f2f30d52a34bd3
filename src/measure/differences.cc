#include "measure/differences.h"

#include <cmath>

namespace outrigger::measure {

namespace {

// iowait and idle are known to go back (proc(5)), others when a CPU comes back.
double grown(uint64_t before, uint64_t after) {
  return after > before ? static_cast<double>(after - before) : 0;
}

double rounded(double value) { return std::round(value * 1e6) / 1e6; }  // of the file's text, to be short

CpuShares shares_of(const procfs::CpuTimes& before, const procfs::CpuTimes& after) {
  CpuShares out{.user = grown(before.user, after.user),
                .nice = grown(before.nice, after.nice),
                .system = grown(before.system, after.system),
                .softirq = grown(before.softirq, after.softirq),
                .irq = grown(before.irq, after.irq),
                .steal = grown(before.steal, after.steal),
                .idle = grown(before.idle, after.idle),
                .iowait = grown(before.iowait, after.iowait)};
  double* const all[] = {&out.user, &out.nice,  &out.system, &out.softirq,
                         &out.irq,  &out.steal, &out.idle,   &out.iowait};
  double sum = 0;
  for (const double* one : all) sum += *one;
  for (double* one : all) *one = sum > 0 ? rounded(*one / sum) : 0;
  return out;
}

bool stood_still(const CpuShares& shares) {
  return shares.user + shares.nice + shares.system + shares.softirq + shares.irq + shares.steal +
             shares.idle + shares.iowait ==
         0;
}

}  // namespace

void add_differences(const procfs::HostCounts& before, const procfs::HostCounts& after, double seconds,
                     Window& window) {
  const auto rate = [seconds](uint64_t from, uint64_t to) { return rounded(grown(from, to) / seconds); };
  for (const auto& [cpu, times] : after.cpu) {
    const auto was = before.cpu.find(cpu);
    if (was == before.cpu.end()) continue;
    const CpuShares shares = shares_of(was->second, times);
    if (!stood_still(shares)) window.cpu[cpu] = shares;
  }
  for (const auto& [cpu, wait] : after.run_queue_wait_ns) {
    const auto was = before.run_queue_wait_ns.find(cpu);
    if (was != before.run_queue_wait_ns.end()) window.run_queue_wait[cpu] = rate(was->second, wait) / 1e9;
  }
  window.switches = rate(before.switches, after.switches);
  window.interrupts = rate(before.interrupts, after.interrupts);
  for (const auto& [name, count] : after.softirqs) {
    const auto was = before.softirqs.find(name);
    if (was != before.softirqs.end()) window.softirqs[name] = rate(was->second, count);
  }
  for (const auto& [name, us] : after.pressure_us) {
    const auto was = before.pressure_us.find(name);
    if (was != before.pressure_us.end()) window.pressure[name] = rate(was->second, us) / 1e6;
  }
}

}  // namespace outrigger::measure
