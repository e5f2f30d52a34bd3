// The programs of a run: applications, load, and what a host would have running beside them.  Each lives in a
// namespace and on one side's CPU, and dies with this process whatever ends it (PR_SET_PDEATHSIG), so a run
// that is killed leaves none behind.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lab/process.h"

namespace outrigger::scenario {

struct Program {
  std::string name;  // "redis-server"; for people and for the log's name
  std::string netns;
  std::vector<std::string> argv;
  lab::Side side = lab::Side::kHost;
};

struct Running {
  Program program;
  lab::ProcessId id;
};

class Programs {
 public:
  explicit Programs(std::string folder) : folder_(std::move(folder)) {}  // for their logs
  ~Programs() { end(); }
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  // From the thread that lives longest: a program dies with the thread that started it.
  absl::Status start(const Program& program);
  void end();
  // Aborted, with the end of its log, when one has ended by itself.
  [[nodiscard]] absl::Status check() const;
  [[nodiscard]] const std::vector<Running>& running() const { return running_; }

 private:
  [[nodiscard]] std::string log_of(const Program& program) const;

  std::string folder_;
  std::vector<Running> running_;
};

// What every program that is to be started must be: found in $PATH or the system's folders.
// FailedPrecondition names those that are missing and the Debian packages they are in.
absl::Status check_installed(const std::vector<std::string>& programs);

}  // namespace outrigger::scenario
