// Ctrl-C in the middle of making a lab must still undo it.  While one of these lives, SIGINT, SIGTERM and
// SIGHUP are noted instead of ending the process, and the code that makes things asks between its steps.
// Thread-safety: one at a time in a process; interrupted() from any thread.
#pragma once

#include <csignal>

#include "absl/status/status.h"

namespace outrigger::lab {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Cancelled once a signal has come.
  [[nodiscard]] static absl::Status check();

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[3] = {};
};

}  // namespace outrigger::lab
