// The daemon's end of `outrigger-host observe`: starts it, keeps the last minutes of what it says, and
// answers what the agent takes of the host.  The DPU may be away meanwhile: windows wait here, the oldest go
// first. Thread-safety: any thread, but for start().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "measure/measurement.h"

namespace outrigger::host {

struct ObserverOptions {
  std::string program = "/proc/self/exe";   // of `observe`
  std::string name = "outrigger-observer";  // of its cgroup
  std::string work;                         // as of observe
  double rate = 10;
  bool sandbox = true;
};

struct Observed {
  uint64_t cursor = 0;   // 1, 2, ... of this run
  int64_t start_ns = 0;  // by this host's monotonic clock
  measure::Window window;
};

class Observer {
 public:
  static constexpr size_t kKept = 900;  // a quarter of an hour

  // Before the sandbox, and before there are threads.
  static absl::StatusOr<std::unique_ptr<Observer>> start(const ObserverOptions& options);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  // A thread of its own takes what comes from now on.
  void listen();

  [[nodiscard]] uint64_t run() const { return run_; }  // another one after each start of the daemon
  // Those behind `cursor`, at most so many, oldest first.
  [[nodiscard]] std::vector<Observed> since(uint64_t cursor, size_t most) const;
  [[nodiscard]] std::string status_json() const;  // the figures of the agent's bounds, too
  // One line for people; "" before there is a window.
  [[nodiscard]] std::string figure() const;

 private:
  struct Kept {
    uint64_t cursor = 0;
    int64_t start_ns = 0;
    std::string line;  // as text it takes a fifth of the room
  };

  Observer(pid_t child, Descriptor words);
  void take_all();
  void take(const std::string& line, int64_t now_ns);

  const uint64_t run_;
  const pid_t child_;
  const Descriptor words_;  // what it says
  mutable std::mutex lock_;
  std::deque<Kept> kept_;  // under lock_, as is what follows
  std::string bounds_;     // its first line
  uint64_t last_ = 0, refused_ = 0;
  double cpu_sum_ = 0, cpu_most_ = 0;
  uint64_t memory_most_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace outrigger::host
