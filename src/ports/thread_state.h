// What the kernel knows of a thread that gives no sign of life.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace outrigger::ports {

struct ThreadState {
  char letter = '?';                 // proc(5): R, S, D, T (stopped), t (traced), Z
  std::chrono::nanoseconds cpu{};    // it has used, ever
  std::chrono::nanoseconds grain{};  // cpu is known to within this
};

// `alone`: the thread is the only worker of its process, so that the process's own clock, which is finer than
// what /proc tells of a thread where the kernel keeps no schedstat, speaks for it.
std::optional<ThreadState> thread_state(pid_t process, uint32_t thread, bool alone);

}  // namespace outrigger::ports
