// What an attempt takes away must come back, also when the audit is interrupted or killed in the middle of
// it. So a second process waits, in a session of its own, with the words that mend everything, and says them
// when the first one asks or is gone.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace outrigger::audit {

class Afterwards {
 public:
  // `script`: for /bin/sh, in this thread's network namespace.
  static absl::StatusOr<Afterwards> prepare(const std::string& script);
  Afterwards(Afterwards&&) = default;
  Afterwards& operator=(Afterwards&&) = delete;
  ~Afterwards() { (void)now(); }

  // Has it done, and waits.  Internal: with the script's exit status.  Only the first time counts.
  absl::Status now();
  // It is not needed after all.
  void never();

 private:
  Afterwards(pid_t waits, Descriptor line) : waits_(waits), line_(std::move(line)) {}
  pid_t waits_;
  Descriptor line_;  // its end is what the script waits for
};

// As one word of a shell's.
std::string quoted(const std::string& word);

}  // namespace outrigger::audit
