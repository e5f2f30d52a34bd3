// An agent that was killed cannot say so.  The next one can: a file lies in the state folder while an agent
// runs, touched as it goes and taken away when it ends as it should.  Best effort: a full disk must not keep
// an agent from starting. Thread-safety: none.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "dpu/journal/events.h"

namespace outrigger::agent {

class RunningMark {
 public:
  explicit RunningMark(const std::string& folder);
  ~RunningMark();
  RunningMark(const RunningMark&) = delete;
  RunningMark& operator=(const RunningMark&) = delete;

  void touch();
  // The last sign of life, by the wall clock, of an agent that did not end as it should.
  [[nodiscard]] std::optional<absl::Time> died() const { return died_; }
  // That incident's begin, and its end once this agent answers; nothing when nobody died.
  [[nodiscard]] std::optional<Event> restart(Phase phase) const;

 private:
  const std::string path_;
  std::optional<absl::Time> died_;
  int file_ = -1;
};

}  // namespace outrigger::agent
