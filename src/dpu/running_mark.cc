#include "dpu/running_mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace outrigger::agent
