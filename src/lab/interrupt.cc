#include "lab/interrupt.h"

#include <atomic>

namespace outrigger::lab {
namespace {

std::atomic<int> noted{0};
int alive = 0;  // of these: what has come stays noted for those around

void note(int signal) { noted.store(signal, std::memory_order_relaxed); }

}  // namespace

Interrupt::Interrupt() {
  if (alive++ == 0) noted.store(0);
  struct sigaction action = {};
  action.sa_handler = note;  // no SA_RESTART: what waits, wakes
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &before_[i]);
}

Interrupt::~Interrupt() {
  --alive;
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

absl::Status Interrupt::check() {
  return noted.load() == 0 ? absl::OkStatus() : absl::CancelledError("interrupted");
}

}  // namespace outrigger::lab
