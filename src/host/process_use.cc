#include "host/process_use.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::host {

namespace {

// cutime and cstime of proc(5), fields 16 and 17, in ticks; the name before them may hold anything.
double of_children(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 16; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void ProcessUse::Memory::add(const Memory& other) {
  own += other.own;
  shared = std::max(shared, other.shared);
}

ProcessUse::ProcessUse(pid_t pid) : pid_(pid), taken_(cpu_seconds()) {}

double ProcessUse::cpu_seconds() const {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9 + of_children(pid_);
}

double ProcessUse::take_cpu_seconds() {
  const double now = cpu_seconds();
  const double before = std::exchange(taken_, now);
  return now > before ? now - before : 0;
}

ProcessUse::Memory ProcessUse::memory() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/status"));
  Memory out;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kib = 0;
    words >> name >> kib;
    if (name == "RssAnon:" || name == "RssShmem:") out.own += kib << 10;
    if (name == "RssFile:") out.shared = kib << 10;
  }
  return out;
}

}  // namespace outrigger::host
