// From an inventory to waves: which services move, in which order, which stay, and why, in words and numbers.
//
// The decision is should_offload() alone (or a rule file that replaces it, read by the same grammar).  What
// was measured decides order and timing: control plane first, noisy and privileged before quiet ones, what
// calls the host often later.  Guards against the three mistakes of teams: a wave is small and the next one
// waits for the scorecard of the last; a service without a whole contract is not ready; a host that is badly
// run by itself is told so, for no DPU will mend that.  Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "offload/inventory.h"

namespace outrigger::offload {

enum class Verdict { kOffload, kKeep, kLater };

// Room on the DPU; 0: not known, nothing is refused for want of it.
struct Capacity {
  double cpus = 0;
  uint64_t memory = 0;  // bytes
};

// The first rule whose conditions all hold decides; what is left out of a rule holds always.
struct Rule {
  std::string name;
  std::vector<std::string> tasks, localities;  // one of them
  std::optional<bool> privileged, latency_sensitive;
  Verdict then = Verdict::kKeep;
};

struct Rules {
  std::vector<Rule> rules;         // empty: should_offload(); when none matches: keep
  uint32_t wave_budget = 2;        // services of a wave
  double many_calls = 1000;        // host calls a second: from there on it is `later`
  double busy_application = 0.85;  // of all CPUs: saturated by the application itself
  Capacity capacity;
};
// Fields: rules (name, task, trafficLocality, privileged, latencySensitive, then), waveBudget, manyCalls,
// busyApplication, capacity (cpus, memoryMiB).  InvalidArgument, every fault with its line.
absl::StatusOr<Rules> parse_rules(std::string_view yaml, const std::string& file);

struct Placement {
  std::string service, task;
  Verdict verdict = Verdict::kKeep;
  std::vector<std::string> reasons;  // the rule first, then figures
  std::vector<std::string> missing;  // contract fields; not empty: not ready, in no wave
  double weight = 0;                 // order: privilege and noise, the greater the earlier
  uint32_t wave = 0;                 // from 1; 0: in none
};

struct Wave {
  uint32_t number = 0;
  std::vector<std::string> services;
  std::string waits_for;  // "" or "scorecard of wave 1: pays"
};

struct Plan {
  std::string host;
  std::vector<Placement> placements;  // as in the inventory
  std::vector<Wave> waves;
  std::vector<std::string> findings;  // about the host's own design
};

Plan make_plan(const Inventory& inventory, const Rules& rules);
// How much could be done with its rights: 0 none, 15 everything.
double privilege_weight(const Service& service);
std::string_view name(Verdict verdict);  // "offload", "keep", "later"

}  // namespace outrigger::offload
