#include "dpu/sidecar/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

constexpr uint64_t kPeriod = 100000;  // microseconds

absl::Status put(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, path);
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const absl::Status status = written ? absl::OkStatus() : absl::ErrnoToStatus(errno, path);
  close(file);
  return status;
}

}  // namespace

void Cgroup::apply(const std::string& folder, const std::string& version, const std::string& controller,
                   const std::string& what, const std::vector<std::pair<std::string, std::string>>& values,
                   LimitsReport& report) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  absl::Status status = failure ? absl::UnavailableError(failure.message()) : absl::OkStatus();
  for (const auto& [file, text] : values) {
    if (status.ok()) status = put(absl::StrCat(folder, "/", file), text);
  }
  if (!status.ok()) {
    report.not_enforced.push_back(absl::StrCat(controller, ": ", status.message()));
    return;
  }
  report.enforced.push_back(absl::StrCat(what, " (cgroup ", version, ")"));
  if (std::find(folders_.begin(), folders_.end(), folder) == folders_.end()) folders_.push_back(folder);
}

LimitsReport Cgroup::make(const Limits& limits) {
  LimitsReport report;
  folders_.clear();
  const std::string quota = absl::StrCat(limits.cpu_milli * kPeriod / 1000);
  const std::string memory = absl::StrCat("memory ", limits.memory >> 20, " MiB");
  const std::string cpu = absl::StrCat("cpu ", limits.cpu_milli, "m");
  const std::string pids = absl::StrCat("pids ", limits.pids);
  const auto exists = [](const std::string& path) { return std::filesystem::exists(path); };
  if (exists(absl::StrCat(root_, "/cgroup.controllers"))) {
    const std::string parent = absl::StrCat(root_, "/outrigger"), folder = absl::StrCat(parent, "/", name_);
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    for (const char* controller : {"+memory", "+cpu", "+pids"}) {  // one by one: one may be missing
      (void)put(absl::StrCat(root_, "/cgroup.subtree_control"), controller);
      (void)put(absl::StrCat(parent, "/cgroup.subtree_control"), controller);
    }
    apply(folder, "v2", "memory", memory, {{"memory.max", absl::StrCat(limits.memory)}}, report);
    apply(folder, "v2", "cpu", cpu, {{"cpu.max", absl::StrCat(quota, " ", kPeriod)}}, report);
    apply(folder, "v2", "pids", pids, {{"pids.max", absl::StrCat(limits.pids)}}, report);
    return report;
  }
  const auto v1 = [&](const char* controller, const std::string& what,
                      const std::vector<std::pair<std::string, std::string>>& values) {
    const std::string base = absl::StrCat(root_, "/", controller);
    if (!exists(base)) return report.not_enforced.push_back(absl::StrCat(controller, ": no such controller"));
    apply(absl::StrCat(base, "/outrigger/", name_), "v1", controller, what, values, report);
  };
  v1("memory", memory, {{"memory.limit_in_bytes", absl::StrCat(limits.memory)}});
  v1("cpu", cpu, {{"cpu.cfs_period_us", absl::StrCat(kPeriod)}, {"cpu.cfs_quota_us", quota}});
  v1("pids", pids, {{"pids.max", absl::StrCat(limits.pids)}});
  return report;
}

absl::Status Cgroup::enter(int pid) {
  for (const std::string& folder : folders_) {
    if (absl::Status status = put(absl::StrCat(folder, "/cgroup.procs"), absl::StrCat(pid)); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

// Also what an earlier process made.  The kernel takes a moment to empty a group whose processes were killed;
// the folder of all sidecars goes with the last of them.
void Cgroup::remove() {
  for (const char* controller : {"memory/", "cpu/", "pids/", ""}) {
    const std::string parent = absl::StrCat(root_, "/", controller, "outrigger");
    const std::string folder = absl::StrCat(parent, "/", name_);
    for (int i = 0; i < 50 && rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) usleep(20000);
    (void)rmdir(parent.c_str());
  }
  folders_.clear();
}

}  // namespace outrigger::agent
