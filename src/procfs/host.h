// What the kernel counts for the whole host: /proc/stat, schedstat, softirqs, pressure.  Differences of two
// looks are what anybody wants; measure/differences.h makes them.  `root` is the folder to read in ("/proc"),
// so that tests give their own.  Whatever cannot be read is left out and named in `missing`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::procfs {

struct CpuTimes {  // ticks of USER_HZ
  uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
};

struct HostCounts {
  std::map<uint32_t, CpuTimes> cpu;                // /proc/stat
  uint64_t switches = 0, interrupts = 0;           // /proc/stat: ctxt, intr
  std::map<uint32_t, uint64_t> run_queue_wait_ns;  // /proc/schedstat, by CPU
  std::map<std::string, uint64_t> softirqs;        // by class, all CPUs
  std::map<std::string, uint64_t> pressure_us;     // "cpu.some", "memory.full": total of /proc/pressure
  std::vector<std::string> missing;                // "/proc/schedstat: no such file"
};

HostCounts read_host(const std::string& root = "/proc");

}  // namespace outrigger::procfs
