#include "ports/thread_state.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace outrigger::ports {

namespace {

using std::chrono::nanoseconds;

std::string first_line(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : -1;
  return got <= 0 ? std::string() : std::string(text.data(), static_cast<size_t>(got));
}

std::optional<nanoseconds> process_clock(pid_t process) {
  clockid_t clock{};
  timespec now{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &now) != 0) return std::nullopt;
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

}  // namespace

std::optional<ThreadState> thread_state(pid_t process, uint32_t thread, bool alone) {
  const std::string folder = absl::StrCat("/proc/", process, "/task/", thread);
  const std::string stat = first_line(absl::StrCat(folder, "/stat"));
  const size_t name_end = stat.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  ThreadState out;
  unsigned long user = 0, system = 0;
  if (std::sscanf(stat.c_str() + name_end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                  &out.letter, &user, &system) != 3)
    return std::nullopt;
  unsigned long long exact = 0;
  if (std::sscanf(first_line(absl::StrCat(folder, "/schedstat")).c_str(), "%llu", &exact) == 1) {
    out.cpu = nanoseconds(exact);
  } else if (const auto clock = alone ? process_clock(process) : std::nullopt) {
    out.cpu = *clock;
  } else {
    out.grain = nanoseconds(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK);
    out.cpu = out.grain * (user + system);
  }
  return out;
}

}  // namespace outrigger::ports
