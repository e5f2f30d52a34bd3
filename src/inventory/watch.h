// How busy and how uneven each process is, window by window of a second: looking once tells nothing about
// variance.  Processes are told apart by number and start, for numbers are given out again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "offload/inventory.h"
#include "procfs/process.h"

namespace outrigger::inventory {

struct ProcessKey {
  uint32_t pid = 0;
  uint64_t start_ticks = 0;
  friend auto operator<=>(const ProcessKey&, const ProcessKey&) = default;
};
ProcessKey key_of(const procfs::Process& process);
using Activities = std::map<ProcessKey, procfs::Activity>;
Activities read_activities(const std::string& root);

class Watch {
 public:
  explicit Watch(Activities first) : before_(std::move(first)) {}
  // What has been done by now, `seconds` after the look before.
  void add(Activities now, double seconds);
  // Of these processes together.  The figures of one window alone deviate by nothing.
  [[nodiscard]] offload::Noise noise_of(const std::vector<ProcessKey>& processes) const;
  [[nodiscard]] size_t windows() const { return seconds_.size(); }

 private:
  struct Done {                // in one window
    double cpu = 0, wait = 0;  // seconds
    uint64_t switches = 0, wakeups = 0;
  };
  static Done difference(const procfs::Activity& before, const procfs::Activity& now);

  Activities before_;
  std::vector<double> seconds_;                          // of each window
  std::map<ProcessKey, std::map<uint32_t, Done>> done_;  // windows in which anything was
};

// Looks once a second until `lasts` is over; `progress` hears how many seconds of it are.
Watch watch(const std::string& root, std::chrono::duration<double> lasts,
            const std::function<void(double)>& progress);

// Of one look: the rates since each process began, summed.  `uptime` in seconds.
offload::Noise noise_since_start(const std::vector<const procfs::Process*>& processes, double uptime);

}  // namespace outrigger::inventory
