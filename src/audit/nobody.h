// A lab runs host and DPU on one kernel, where root reads everything; what a user without rights can get
// still says something there.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace outrigger::audit {

inline constexpr uid_t kNobody = 65534;
inline constexpr char kOneMachine[] =
    "host and DPU share one kernel and its files here, and root reads all of them: this wants a machine with "
    "a DPU";

// What a child without rights has to say, at most 4 KiB; it never returns into our own process.
absl::StatusOr<std::string> as_nobody(const std::function<std::string()>& work);

// A process of a name that this one may read as it may read itself, until it is destroyed: what whoever looks
// for such processes must find.
class Decoy {
 public:
  explicit Decoy(const std::string& name);
  ~Decoy();
  Decoy(const Decoy&) = delete;
  Decoy& operator=(const Decoy&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }  // -1: there is none

 private:
  pid_t pid_;
};

}  // namespace outrigger::audit
