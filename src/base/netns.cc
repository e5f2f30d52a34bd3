#include "base/netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace outrigger {

std::string netns_path(const std::string& name) {
  return name.find('/') == std::string::npos ? absl::StrCat("/run/netns/", name) : name;
}

absl::Status inside_netns(const std::string& path, const std::function<absl::Status()>& work) {
  absl::Status status;
  std::thread([&] {
    if (!path.empty()) {
      const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd || setns(fd.get(), CLONE_NEWNET) != 0) {
        status = absl::ErrnoToStatus(errno, absl::StrCat("cannot enter ", path));
        return;
      }
    }
    status = work();
  }).join();
  return status;
}

}  // namespace outrigger
