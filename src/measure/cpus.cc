#include "measure/cpus.h"

#include <sched.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::measure {

std::vector<uint32_t> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<uint32_t> out;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return out;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  }
  return out;
}

absl::Status check_usable(uint32_t cpu) {
  const std::vector<uint32_t> usable = usable_cpus();
  if (std::find(usable.begin(), usable.end(), cpu) != usable.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "CPU ", cpu, " is none that this process may use; those are ", absl::StrJoin(usable, ", ")));
}

bool pin(pthread_t thread, uint32_t cpu) {
  if (cpu >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

}  // namespace outrigger::measure
