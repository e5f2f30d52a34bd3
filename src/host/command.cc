#include "host/command.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/netns.h"

extern char** environ;

namespace outrigger::host {
namespace {

// A file without a name: no pipe to fill up, so nobody waits for a reader.
int scratch(std::string_view content) {
  const int fd = memfd_create("outrigger-host", MFD_CLOEXEC);
  while (fd >= 0 && !content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n <= 0) break;
    content.remove_prefix(static_cast<size_t>(n));
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string everything_in(int fd) {
  std::string text;
  char piece[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(n));
  return text;
}

absl::StatusOr<pid_t> spawn(const std::vector<std::string>& words, int in, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  absl::Cleanup destroy = [&] { posix_spawn_file_actions_destroy(&actions); };
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  if (error == 0) return pid;
  return absl::FailedPreconditionError(absl::StrCat("cannot run ", words[0], ": ", std::strerror(error)));
}

// A child lives in the namespace of the thread that made it, so nobody has to be run to bring it there.
absl::StatusOr<pid_t> spawn_in(const std::string& netns, const std::vector<std::string>& argv, int in,
                               int out, int err) {
  absl::StatusOr<pid_t> pid = 0;
  const absl::Status status = inside_netns(netns, [&] { return (pid = spawn(argv, in, out, err)).status(); });
  if (!status.ok()) return status;
  return pid;
}

}  // namespace

absl::StatusOr<std::string> run(const std::string& netns, const std::vector<std::string>& argv,
                                std::string_view input) {
  const int in = scratch(input), out = scratch({}), err = scratch({});
  absl::Cleanup close_all = [&] { close(in), close(out), close(err); };
  if (in < 0 || out < 0 || err < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  const absl::StatusOr<pid_t> pid = spawn_in(netns, argv, in, out, err);
  if (!pid.ok()) return pid.status();
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return everything_in(out);
  const std::string said = everything_in(err);
  return absl::InternalError(absl::StrCat(absl::StrJoin(argv, " "), netns.empty() ? "" : " in ", netns, ": ",
                                          absl::StripAsciiWhitespace(said).substr(0, 500)));
}

absl::Status ip_batch(const std::string& netns, const std::string& lines) {
  return lines.empty() ? absl::OkStatus() : run(netns, {"ip", "-batch", "-"}, lines).status();
}

absl::Status bridge_batch(const std::string& netns, const std::string& lines) {
  return lines.empty() ? absl::OkStatus() : run(netns, {"bridge", "-batch", "-"}, lines).status();
}

absl::Status nft(const std::string& netns, const std::string& rules) {
  return run(netns, {"nft", "-f", "-"}, rules).status();
}

std::string netns_path(const std::string& name) { return absl::StrCat("/run/netns/", name); }

bool netns_exists(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0;
}

std::vector<std::string> netns_names(const std::string& prefix) {
  std::vector<std::string> names;
  DIR* folder = opendir("/run/netns");
  if (folder == nullptr) return names;
  while (const dirent* entry = readdir(folder)) {
    if (absl::StartsWith(entry->d_name, prefix)) names.emplace_back(entry->d_name);
  }
  closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

std::set<std::string> devices(const std::string& netns) {
  std::set<std::string> found;
  (void)inside_netns(netns, [&found] {
    std::ifstream table("/proc/thread-self/net/dev");
    for (std::string line; std::getline(table, line);) {
      const size_t colon = line.find(':');
      if (colon != std::string::npos) found.emplace(absl::StripAsciiWhitespace(line.substr(0, colon)));
    }
    return absl::OkStatus();
  });
  found.erase("lo");
  return found;
}

std::string read_setting(const std::string& netns, const std::string& name) {
  std::string value;
  (void)inside_netns(netns, [&] {
    std::ifstream in(absl::StrCat("/proc/sys/net/", name));
    std::getline(in, value);
    return absl::OkStatus();
  });
  return value;
}

std::vector<std::string> write_settings(const std::string& netns,
                                        const std::vector<std::pair<std::string, std::string>>& settings) {
  std::vector<std::string> missing;
  const absl::Status entered = inside_netns(netns, [&] {
    for (const auto& [name, value] : settings) {
      std::ofstream out(absl::StrCat("/proc/sys/net/", name));
      out << value << std::flush;
      if (!out) missing.push_back(name);
    }
    return absl::OkStatus();
  });
  if (entered.ok()) return missing;
  for (const auto& [name, value] : settings) missing.push_back(name);
  return missing;
}

}  // namespace outrigger::host
