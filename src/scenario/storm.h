// A neighbour that the whole world knocks at: bursts of datagrams to ports that its policy denies, and of
// connections to one that it allows, each given up at once.  Sent from this process, on threads of their own
// in the stranger's namespace.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace outrigger::scenario {

struct StormShape {
  double datagrams_per_second = 2000;  // within a burst
  double connections_per_second = 500;
  double burst_s = 0.5, pause_s = 0.5;
};

class Storm {
 public:
  // `from`: a network namespace; `to`: an IPv4 address.
  static absl::StatusOr<std::unique_ptr<Storm>> begin(const std::string& from, const std::string& to,
                                                      const StormShape& shape);
  ~Storm();
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

 private:
  Storm() = default;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace outrigger::scenario
