// Some faults of a new version no request sees: packets lost for want of something, incidents.  A thread of
// its own asks once a second whether there were any, so that a rollout can compare seconds before a change
// with seconds after it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "dpu/observations.h"

namespace outrigger::agent {

class SecondCounter {
 public:
  struct Sources {
    std::function<std::vector<uint64_t>()> drops;  // by Drop, since some time; may take long
    std::function<uint64_t()> incidents;           // begun, since some time
  };
  SecondCounter(Observations& to, Sources sources);
  ~SecondCounter();

  // Of drops by reason: those for want of something of ours, not verdicts about packets.
  static uint64_t ours(const std::vector<uint64_t>& drops);

 private:
  void run();

  Observations& to_;
  const Sources sources_;
  std::mutex lock_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace outrigger::agent
