// Two daemons on one state folder would each overwrite what the other was told.  The folder belongs to
// whoever holds the lock on its file `lock`, in which it wrote its process id; the kernel lets go of it when
// the process ends.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace outrigger::agent {

class StateLock {
 public:
  // Makes the folder (mode 0700) when there is none.  AlreadyExists names the process that holds it.
  static absl::StatusOr<StateLock> take(const std::string& folder);
  ~StateLock();
  StateLock(StateLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  StateLock& operator=(StateLock&&) = delete;

 private:
  explicit StateLock(int file) : file_(file) {}
  int file_;
};

}  // namespace outrigger::agent
