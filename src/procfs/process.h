// One process as /proc/PID shows it.  Processes vanish while they are read: then NotFound, and nothing half
// read is used.  Without privileges parts are unreadable: they are named in `unseen`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::procfs {

// What it has done since its start; the difference of two looks is what it did between them.
struct Activity {
  uint64_t start_ticks = 0;                 // with the pid it says which process this was
  uint64_t cpu_ticks = 0;                   // user + system, of threads that have ended too
  uint64_t cpu_ns = 0;                      // of the threads there are; 0: this kernel does not say
  uint64_t voluntary = 0, involuntary = 0;  // context switches, all threads
  uint64_t run_queue_wait_ns = 0;           // schedstat, all threads
  uint32_t threads = 0;
};

struct Process : Activity {
  uint32_t pid = 0, parent = 0;
  bool kernel = false;                            // a kernel thread
  std::string name, program, line;                // comm, exe, cmdline; made printable
  std::string cgroup;                             // v2 path, or v1's of the named hierarchy
  std::string cpu_cgroup;                         // v1 path of the cpu controller; "": v2 has it
  uint32_t uid = 0;                               // effective
  uint64_t capabilities = 0;                      // CapEff
  uint32_t cpus_allowed = 0;                      // how many
  uint64_t memory = 0;                            // bytes, resident
  uint64_t net_namespace = 0, pid_namespace = 0;  // inode; 0: unseen
  std::vector<std::string> unseen;                // "ns/net", "exe", ...
};

std::vector<uint32_t> pids(const std::string& root = "/proc");
absl::StatusOr<Process> read_process(uint32_t pid, const std::string& root = "/proc");
// The same process's figures alone, for looking often.
absl::StatusOr<Activity> read_activity(uint32_t pid, const std::string& root = "/proc");

// The inode in a namespace's link, "net:[4026531840]"; 0 when there is none, or none that may be seen.
uint64_t namespace_of(uint32_t pid, const std::string& kind, const std::string& root = "/proc");

}  // namespace outrigger::procfs
