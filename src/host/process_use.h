// What a process takes, by what the kernel shows of it to anybody.  Not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace outrigger::host {

class ProcessUse {
 public:
  // Of several processes of one program: its code is in memory once.
  struct Memory {
    uint64_t own = 0, shared = 0;
    void add(const Memory& other);
    [[nodiscard]] uint64_t bytes() const { return own + shared; }
  };

  explicit ProcessUse(pid_t pid);
  // Since the last call, by it and by children that have ended; 0 when it is gone.
  double take_cpu_seconds();
  [[nodiscard]] Memory memory() const;

 private:
  [[nodiscard]] double cpu_seconds() const;

  const pid_t pid_;
  double taken_ = 0;
};

}  // namespace outrigger::host
