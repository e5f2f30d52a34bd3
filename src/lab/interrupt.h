// Ctrl-C in the middle of making a lab must still undo it.  While one of these lives, SIGINT, SIGTERM and
// SIGHUP are noted instead of ending the process, and the code that makes things asks between its steps.
// They may be nested.  Thread-safety: made by one thread of a process; check() from any.
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
