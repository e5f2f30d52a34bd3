// Refused calls become events, but whoever is refused must not be able to fill the journal: of the same
// subject, one event in kQuiet, which counts those between.  Thread-safety: any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "dpu/journal/events.h"
#include "dpu/secure/identity.h"

namespace outrigger::secure {

class Refusals {
 public:
  static constexpr absl::Duration kQuiet = absl::Seconds(10);
  static constexpr size_t kSubjects = 4096;  // remembered at a time

  // `events` may be null: nothing is told then.
  explicit Refusals(agent::Events* events) : events_(events) {}

  // `what` is part of the subject: "/outrigger.v1.Config/Apply", "flood", "replay".
  void record(const Identity& who, const std::string& what, const std::string& message, absl::Time now);

 private:
  struct Seen {
    absl::Time told;
    uint64_t silent = 0;
  };
  // Whether to tell it; *silent: how many were not told since.
  bool due(const std::string& subject, absl::Time now, uint64_t* silent);

  agent::Events* const events_;
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
};

}  // namespace outrigger::secure
