#include "measure/machine.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace outrigger::measure {

namespace {

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return std::string(absl::StripAsciiWhitespace(line));
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos &&
        (absl::StartsWith(line, "model name") || absl::StartsWith(line, "CPU part")))
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return "unknown";
}

}  // namespace

Machine this_machine() {
  utsname name{};
  (void)uname(&name);
  struct sysinfo about {};
  (void)sysinfo(&about);
  return {.host = name.nodename,
          .kernel = name.release,
          .cpu_model = cpu_model(),
          .machine_id = first_line("/etc/machine-id"),
          .boot_id = first_line("/proc/sys/kernel/random/boot_id"),
          .cpus = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)),
          .memory = uint64_t{about.totalram} * about.mem_unit};
}

}  // namespace outrigger::measure
