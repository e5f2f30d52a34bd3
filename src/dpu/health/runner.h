// Runs probes, each on a thread of its own, so that one that hangs holds up no other and no caller: what it
// would have said is missing, and missing is unknown.
// Thread-safety: one thread adds and removes.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "dpu/health/board.h"

namespace outrigger::agent {

class Runner {
 public:
  explicit Runner(Board& board);
  ~Runner();  // waits for probes in flight: each has its own timeout
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // A service that has just begun and passes is asked again after `first`, so that nobody waits for health
  // that is there.
  void add(const std::string& service, Probe probe, absl::Duration interval,
           absl::Duration first = absl::InfiniteDuration());
  void remove(const std::string& service);  // does not wait

 private:
  struct Line {
    std::string service;
    Probe probe;
    absl::Duration interval;
    absl::Duration first;
    std::mutex mutex;
    std::condition_variable wake;
    bool stop = false;   // under mutex
    bool ended = false;  // under mutex
    std::thread thread;
  };
  void run(Line& line);
  void watch_silence();
  void reap();

  Board& board_;
  std::map<std::string, std::unique_ptr<Line>> lines_;
  std::list<std::unique_ptr<Line>> leaving_;  // asked to stop, perhaps in a probe yet
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;  // under mutex_
  std::thread clock_;
};

}  // namespace outrigger::agent
