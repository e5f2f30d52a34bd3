#include "lab/netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/netns.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "/run/netns";

// Linux knows a namespace by the inode of its file (namespaces(7)); 0: there is none.
ino_t inode(const std::string& file) {
  struct stat about = {};
  return stat(file.c_str(), &about) == 0 ? about.st_ino : 0;
}

absl::Status write_setting(const std::string& file, const std::string& value) {
  const int fd = open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, file);
  const bool written = write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const absl::Status status = written ? absl::OkStatus() : absl::ErrnoToStatus(errno, file);
  close(fd);
  return status;
}

absl::Status netns_batch(const std::vector<std::string>& names, const char* verb, bool force) {
  if (names.empty()) return absl::OkStatus();
  std::string lines;
  for (const std::string& name : names) absl::StrAppend(&lines, "netns ", verb, " ", name, "\n");
  std::vector<std::string> argv{"ip"};
  if (force) argv.emplace_back("-force");
  argv.insert(argv.end(), {"-batch", "-"});
  return run(argv, lines).status();
}

}  // namespace

std::vector<std::string> namespaces(const std::string& prefix) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder, error)) {
    const std::string name = entry.path().filename();
    if (absl::StartsWith(name, prefix)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status add_namespaces(const std::vector<std::string>& names) {
  return netns_batch(names, "add", false);
}

absl::Status remove_namespaces(const std::vector<std::string>& names) {
  terminate(processes_in(names), absl::Seconds(1));
  return netns_batch(names, "del", true);
}

std::vector<ProcessId> processes_in(const std::vector<std::string>& names) {
  std::set<ino_t> wanted;
  for (const std::string& name : names) wanted.insert(inode(netns_path(name)));
  wanted.erase(0);
  std::vector<ProcessId> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc{} || pid == getpid()) continue;
    if (!wanted.contains(inode(absl::StrCat("/proc/", pid, "/ns/net")))) continue;
    if (const auto id = process(pid)) found.push_back(*id);
  }
  return found;
}

absl::Status inside(const std::string& netns, const std::function<absl::Status()>& work) {
  return inside_netns(netns_path(netns), work);
}

std::vector<std::string> devices(const std::string& netns) {
  std::vector<std::string> names;
  const absl::Status looked = inside(netns, [&] {
    struct if_nameindex* all = if_nameindex();
    for (auto* device = all; device != nullptr && device->if_index != 0; ++device)
      names.emplace_back(device->if_name);
    if_freenameindex(all);
    return absl::OkStatus();
  });
  return looked.ok() ? names : std::vector<std::string>{};
}

absl::Status write_settings(const std::string& netns, const Settings& settings) {
  return inside(netns, [&] {
    for (const auto& [name, value] : settings) {
      if (absl::Status status = write_setting(absl::StrCat("/proc/sys/net/", name), value); !status.ok())
        return status;
    }
    return absl::OkStatus();
  });
}

absl::Status ip_batch(const std::string& netns, std::string_view lines) {
  if (lines.empty()) return absl::OkStatus();
  return run({"ip", "-n", netns, "-batch", "-"}, lines).status();
}

absl::Status bridge_batch(const std::string& netns, std::string_view lines) {
  if (lines.empty()) return absl::OkStatus();
  return run({"bridge", "-n", netns, "-batch", "-"}, lines).status();
}

}  // namespace outrigger::lab
