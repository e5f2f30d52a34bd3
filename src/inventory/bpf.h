// eBPF programs that the kernel runs now.  Some are held open by the process that loaded them, others only by
// what they are attached to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::inventory {

struct BpfProgram {
  uint32_t id = 0;
  std::string type, name;  // "sched_cls", "from_container"; the kernel keeps 15 bytes of a name
};

// PermissionDenied: not without CAP_SYS_ADMIN.
absl::StatusOr<std::vector<BpfProgram>> bpf_programs();

}  // namespace outrigger::inventory
