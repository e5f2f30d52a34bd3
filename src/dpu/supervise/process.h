// Ports and engines must go on when the agent ends, and the agent must learn at once when they end.  So they
// are started in sessions of their own, writing to files, and watched by pidfd, which works for those found
// running as well as for our own children and cannot mean another process once the number is reused.
// Thread-safety: one thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/descriptor.h"

namespace outrigger::agent {

class Process {
 public:
  Process() = default;
  // Writes to the descriptor `output`; runs on `cpus` when any are given.
  static absl::StatusOr<Process> start(const std::vector<std::string>& argv, int output,
                                       const std::vector<unsigned>& cpus);
  // Appends to the file `log`.
  static absl::StatusOr<Process> start(const std::vector<std::string>& argv, const std::string& log,
                                       const std::vector<unsigned>& cpus);
  static absl::StatusOr<Process> find(pid_t pid);

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool alive();  // false: gone for good, and buried if it was our child
  bool wait(absl::Duration patience);
  void signal(int number) const;
  // "exit 1", "signal 9 (Killed)"; "ended" when it was not our child; "" while it runs.
  [[nodiscard]] const std::string& how_ended() const { return how_; }

 private:
  pid_t pid_ = 0;
  Descriptor pidfd_;
  std::string how_;
};

// The end of a log file, for whoever must know why something failed; at most `lines` lines.
std::string last_lines(const std::string& file, size_t lines);

}  // namespace outrigger::agent
