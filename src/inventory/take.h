// The inventory of a live host: everything that does infrastructure work, with what it may do and what it
// takes.  Runs as anybody; what was not to be seen is listed in it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "inventory/bpf.h"
#include "inventory/classify.h"
#include "inventory/kernel_work.h"
#include "inventory/look.h"
#include "offload/inventory.h"

namespace outrigger::inventory {

struct TakeOptions {
  LookOptions look;
  std::vector<Rule> rules = builtin_rules();
  std::chrono::duration<double> watch{0};  // 0: one look, figures since each process began
  std::function<void(double)> progress;    // seconds watched by now
  // What only a kernel can answer.
  std::function<KernelLook()> kernel = [] { return look_at_kernel(); };
  std::function<absl::StatusOr<std::vector<BpfProgram>>()> programs = bpf_programs;
};

// Only these network namespaces from now on (names of `ip netns`), of which the first is the host's; none:
// all of this host.
absl::Status look_only_into(const std::vector<std::string>& networks, TakeOptions& options);

// NotFound: there is no /proc to look at.
absl::StatusOr<offload::Inventory> take(const TakeOptions& options);

}  // namespace outrigger::inventory
