#include "host/bounds.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/descriptor.h"

namespace outrigger::host {

namespace {

constexpr uint64_t kPeriodUs = 1'000'000;

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  if (in.is_open()) text << in.rdbuf();
  return text.str();
}

std::vector<std::vector<std::string>> lines_of(const std::string& file, const char* separator) {
  std::vector<std::vector<std::string>> out;
  for (const absl::string_view line : absl::StrSplit(text_of(file), '\n', absl::SkipEmpty()))
    out.push_back(absl::StrSplit(line, separator));
  return out;
}

bool has_word(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = absl::StrSplit(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct Place {
  std::string folder;   // this process's own, where the controller is; "": nowhere
  bool second = false;  // version 2
};

// Lines of /proc/self/cgroup: "4:memory:/path", of version 2 "0::/path".
std::string own_path(const CgroupFiles& files, const std::string& controller, bool second) {
  for (const auto& fields : lines_of(files.own, ":")) {
    if (fields.size() != 3 || absl::StrContains(fields[2], "..")) continue;
    if (second ? fields[0] == "0" && fields[1].empty() : has_word(fields[1], controller)) return fields[2];
  }
  return "";
}

// Lines of /proc/self/mounts: "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0".  Version 1 goes first: a
// controller that is mounted so is not to be had in version 2.
Place place_of(const CgroupFiles& files, const std::string& controller) {
  Place out;
  for (const auto& fields : lines_of(files.mounts, " ")) {
    if (fields.size() < 4) continue;
    const bool first = fields[2] == "cgroup" && has_word(fields[3], controller);
    const bool second = fields[2] == "cgroup2";
    if (!first && (!second || !out.folder.empty())) continue;
    const std::string path = own_path(files, controller, second);
    if (path.empty()) continue;
    out = {absl::StrCat(fields[1], path == "/" ? "" : path), second};
    if (first) return out;
  }
  return out;
}

bool write_to(const std::string& file, const std::string& value) {
  const Descriptor out(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return out && write(out.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

bool is_ours(const std::string& pid) {
  return absl::StartsWith(text_of(absl::StrCat("/proc/", pid, "/comm")), "outrigger");
}

// A cgroup of version 2 gives controllers to its children only when it has no processes itself (the root
// excepted).  Ours may be moved into a child; a stranger's session may not.
bool move_down(const std::string& folder) {
  const std::vector<std::string> pids =
      absl::StrSplit(text_of(folder + "/cgroup.procs"), '\n', absl::SkipEmpty());
  if (!std::all_of(pids.begin(), pids.end(), is_ours)) return false;
  const std::string below = folder + "/agent";
  if (mkdir(below.c_str(), 0755) != 0 && errno != EEXIST) return false;
  return std::all_of(pids.begin(), pids.end(),
                     [&](const std::string& pid) { return write_to(below + "/cgroup.procs", pid); });
}

bool delegate(const std::string& folder, const std::string& controller) {
  const std::vector<std::string> has =
      absl::StrSplit(text_of(folder + "/cgroup.subtree_control"), absl::ByAnyChar(" \n"));
  if (std::find(has.begin(), has.end(), controller) != has.end()) return true;
  const std::string more = absl::StrCat("+", controller);
  if (write_to(folder + "/cgroup.subtree_control", more)) return true;
  return errno == EBUSY && move_down(folder) && write_to(folder + "/cgroup.subtree_control", more);
}

// What a killed one was may stand in the table of processes for as long as nobody has asked how it ended.
bool is_gone(uint32_t pid) {
  const std::string text = text_of(absl::StrCat("/proc/", pid, "/stat"));
  return text.empty() || absl::StartsWith(text.substr(text.rfind(')') + 1), " Z");  // proc(5)
}

void sweep(const std::string& folder, const std::string& name) {
  const std::string prefix = name.substr(0, name.rfind('-') + 1);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string other = entry.path().filename();
    uint32_t pid = 0;
    if (prefix.empty() || !absl::StartsWith(other, prefix) ||
        !absl::SimpleAtoi(other.substr(prefix.size()), &pid))
      continue;
    if (is_gone(pid)) (void)rmdir(entry.path().c_str());
  }
}

}  // namespace

Bounds::Bounds(const std::string& name, const Limits& limits, const CgroupFiles& files) {
  limit("cpu", files, name, limits);
  limit("memory", files, name, limits);
}

bool Bounds::set(const std::string& folder, const std::string& file, const std::string& value) {
  if (write_to(absl::StrCat(folder, "/", file), value)) return true;
  why_ = absl::StrCat(folder, "/", file, ": ", strerror(errno));
  return false;
}

void Bounds::limit(const std::string& controller, const CgroupFiles& files, const std::string& name,
                   const Limits& limits) {
  const Place place = place_of(files, controller);
  const std::string folder = absl::StrCat(place.folder, "/", name);
  why_ = "this machine has no such cgroup";
  bool done = !place.folder.empty();
  if (done && place.second && !delegate(place.folder, controller)) {
    why_ = absl::StrCat(place.folder, " gives no ", controller, " to cgroups below it");
    done = false;
  }
  if (done && mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    why_ = absl::StrCat(folder, ": ", strerror(errno));
    done = false;
  }
  if (done) {
    sweep(place.folder, name);
    folders_.push_back(folder);
  }
  const auto quota = static_cast<uint64_t>(limits.cpus * kPeriodUs);
  if (done && controller == "cpu") {
    cpu_folder_ = folder;
    done = place.second ? set(folder, "cpu.max", absl::StrCat(quota, " ", kPeriodUs))
                        : set(folder, "cpu.cfs_period_us", absl::StrCat(kPeriodUs)) &&
                              set(folder, "cpu.cfs_quota_us", absl::StrCat(quota));
  } else if (done) {
    done = set(folder, place.second ? "memory.max" : "memory.limit_in_bytes", absl::StrCat(limits.memory));
  }
  const std::string what = controller == "cpu" ? absl::StrFormat("%g %% of a CPU", limits.cpus * 100)
                                               : absl::StrCat(limits.memory >> 20, " MiB of memory");
  (done ? enforced_ : not_enforced_).push_back(done ? what : absl::StrCat(what, ": ", why_));
}

bool Bounds::enter() {
  return std::all_of(folders_.begin(), folders_.end(),
                     [](const std::string& folder) { return write_to(folder + "/cgroup.procs", "0"); });
}

void Bounds::lift() {
  if (cpu_folder_.empty()) return;
  if (!write_to(cpu_folder_ + "/cpu.max", "max")) (void)write_to(cpu_folder_ + "/cpu.cfs_quota_us", "-1");
}

// A process that has ended may still be seen in it for a moment.
void Bounds::remove() {
  for (const std::string& folder : folders_) {
    for (int tries = 0; tries < 50 && rmdir(folder.c_str()) != 0 && errno == EBUSY; ++tries) usleep(20'000);
  }
}

std::optional<uint64_t> Bounds::throttled() const {
  if (cpu_folder_.empty()) return std::nullopt;
  for (const auto& fields : lines_of(cpu_folder_ + "/cpu.stat", " ")) {
    uint64_t times = 0;
    if (fields.size() == 2 && fields[0] == "nr_throttled" && absl::SimpleAtoi(fields[1], &times))
      return times;
  }
  return std::nullopt;
}

}  // namespace outrigger::host
