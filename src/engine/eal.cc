#include "engine/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/machine_memory.h"

namespace outrigger::engine {

namespace {

// PCI devices are left alone unless one is named: the machine's own may be among them.
bool names_pci_device(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& one) { return one == "-a" || one.starts_with("--allow"); });
}

}  // namespace

absl::Status start_eal(const EalOptions& options) {
  if (options.huge_pages && free_huge_mib() < options.memory_mib) {
    return absl::UnavailableError(absl::StrCat("huge pages: ", options.memory_mib, " MiB wanted, ",
                                               free_huge_mib(), " MiB free; reserve more with: echo ",
                                               options.memory_mib / 2 + 64, " > /proc/sys/vm/nr_hugepages"));
  }
  std::vector<std::string> args = {"outrigger",
                                   "--no-telemetry",
                                   "--lcores=0",
                                   absl::StrCat("--file-prefix=outrigger", getpid()),
                                   "--log-level=lib.eal:warning",
                                   "-m",
                                   absl::StrCat(options.memory_mib)};
  if (!names_pci_device(options.extra)) args.push_back("--no-pci");
  if (options.huge_pages) {
    args.push_back("--in-memory");
  } else {
    args.insert(args.end(), {"--no-huge", "--no-shconf"});
  }
  args.insert(args.end(), options.extra.begin(), options.extra.end());
  return start_eal(std::move(args));
}

absl::Status start_eal(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return absl::UnavailableError(
        absl::StrCat("DPDK did not start: ", rte_strerror(rte_errno), " (its own messages stand above)"));
  }
  return absl::OkStatus();
}

}  // namespace outrigger::engine
