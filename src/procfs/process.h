// One process as /proc/PID shows it.  Processes vanish while they are read: then NotFound, and nothing half
// read is used.  Without privileges parts are unreadable: they are named in `unseen`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::procfs {

struct Process {
  uint32_t pid = 0, parent = 0, threads = 0;
  bool kernel = false;                            // a kernel thread
  std::string name, program, line;                // comm, exe, cmdline
  std::string cgroup;                             // v2 path, or v1's of the named hierarchy
  uint32_t uid = 0;                               // effective
  uint64_t capabilities = 0;                      // CapEff
  uint64_t start_ticks = 0;                       // with the pid it says which process this was
  uint64_t cpu_ticks = 0;                         // user + system
  uint64_t voluntary = 0, involuntary = 0;        // context switches, all threads
  uint64_t run_queue_wait_ns = 0;                 // schedstat, all threads
  uint64_t memory = 0;                            // bytes, resident
  uint64_t net_namespace = 0, pid_namespace = 0;  // inode; 0: unseen
  std::vector<std::string> unseen;
};

std::vector<uint32_t> pids(const std::string& root = "/proc");
absl::StatusOr<Process> read_process(uint32_t pid, const std::string& root = "/proc");

}  // namespace outrigger::procfs
