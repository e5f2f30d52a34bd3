#include "dpu/running_mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dpu/api.h"

namespace outrigger::agent {

RunningMark::RunningMark(const std::string& folder) : path_(folder + "/running") {
  struct stat left {};
  if (stat(path_.c_str(), &left) == 0) died_ = absl::TimeFromTimespec(left.st_mtim);
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  touch();
}

RunningMark::~RunningMark() {
  (void)unlink(path_.c_str());
  if (file_ >= 0) close(file_);
}

void RunningMark::touch() {
  if (file_ >= 0) (void)futimens(file_, nullptr);
}

std::optional<Event> RunningMark::restart(Phase phase) const {
  if (!died_) return std::nullopt;
  Event event;
  event.kind = Kind::kAgentRestart;
  event.phase = phase;
  event.service = event.subject = "agent";
  event.version = kVersion;
  if (phase == Phase::kBegin) {
    event.severity = Severity::kWarning;
    event.first_sign = *died_;
    event.message = "the agent before this one ended without a word: killed, crashed, or without power";
  } else {
    event.message = "the agent answers again";
  }
  return event;
}

}  // namespace outrigger::agent
