// The lab lives by other programs: `ip` for a moment, daemons for as long as the lab.  A pid alone does not
// say which process is meant once numbers are reused, so a process is known by pid and start time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace outrigger::lab {

struct ProcessId {
  pid_t pid = 0;
  uint64_t start = 0;  // clock ticks since boot, field 22 of /proc/PID/stat (proc(5))
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// CPUs by side: what runs on a host, and what runs on its DPU.  With one CPU both are it.
enum class Side { kHost, kDpu };
// Pins this thread, and what it starts from now on; false when the kernel refuses.
bool pin(Side side);

// Runs a program to its end, without a shell and out of reach of the terminal's Ctrl-C.  Its standard output,
// or an error with the command and what it wrote to standard error.
absl::StatusOr<std::string> run(const std::vector<std::string>& argv, std::string_view input = {});

// Starts a program that outlives this one, in a session of its own, pinned to `side`, writing to the file
// `log`.
absl::StatusOr<ProcessId> start(const std::vector<std::string>& argv,
                                const std::vector<std::string>& environment, const std::string& log,
                                Side side);

// The process that has this pid now; nullopt when none does, or only a zombie.
std::optional<ProcessId> process(pid_t pid);
bool alive(const ProcessId& id);
// SIGTERM, and SIGKILL to what is left after `grace`; without grace SIGKILL at once.  Returns when all are
// gone.
void terminate(const std::vector<ProcessId>& processes, absl::Duration grace);

}  // namespace outrigger::lab
