#include "ports/environment.h"

#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace outrigger::ports {

namespace {

constexpr unsigned kLcore = 127;  // engines have those below 4 * 31

unsigned first_cpu(const cpu_set_t& cpus) {
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) return cpu;
  }
  return 0;
}

}  // namespace

bool names_pci_device(const std::vector<std::string>& eal) {
  return std::any_of(eal.begin(), eal.end(),
                     [](const std::string& one) { return one == "-a" || one.starts_with("--allow"); });
}

absl::Status start_environment(const Environment& environment) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  (void)pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
  (void)::setenv("RUNTIME_DIRECTORY", environment.folder.c_str(), 1);
  std::vector<std::string> args = {"outrigger-ports",
                                   "--proc-type=primary",
                                   "--no-telemetry",
                                   absl::StrCat("--lcores=", kLcore, "@", first_cpu(cpus)),
                                   absl::StrCat("--file-prefix=", environment.prefix),
                                   absl::StrCat("--huge-dir=", environment.huge_folder),
                                   "--log-level=lib.eal:warning",
                                   "-m",
                                   absl::StrCat(environment.memory_mib),
                                   absl::StrCat("--socket-limit=", environment.memory_mib)};
  if (!names_pci_device(environment.extra)) args.insert(args.end(), {"--no-pci", "--iova-mode=va"});
  args.insert(args.end(), environment.extra.begin(), environment.extra.end());
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  const int started = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  (void)pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);  // it pins the caller
  if (started >= 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("DPDK did not start: ", rte_strerror(rte_errno), " (its own messages stand above)"));
}

}  // namespace outrigger::ports
