#include "offload/plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "offload/decision.h"

namespace outrigger::offload {

namespace {

bool one_of(const std::string& word, const std::vector<std::string>& words) {
  return words.empty() || std::find(words.begin(), words.end(), word) != words.end();
}

bool holds(const Rule& rule, const Service& service) {
  return one_of(service.task, rule.tasks) && one_of(service.traffic_locality, rule.localities) &&
         (!rule.privileged || *rule.privileged == service.privileged) &&
         (!rule.latency_sensitive || *rule.latency_sensitive == service.latency_sensitive);
}

// A reason is read by people: of many the weightiest, and how many more there are.
constexpr size_t kNamed = 4;

std::string some_of(std::vector<std::string> words) {
  if (words.size() <= kNamed) return absl::StrJoin(words, ", ");
  const size_t more = words.size() - kNamed;
  words.resize(kNamed);
  return absl::StrCat(absl::StrJoin(words, ", "), " and ", more, " more");
}

bool is_heavy(const std::string& capability) {
  return capability == "SYS_ADMIN" || capability == "NET_ADMIN" || capability == "BPF" ||
         capability == "NET_RAW";
}

std::string capabilities_in_words(std::vector<std::string> names) {
  std::stable_partition(names.begin(), names.end(), is_heavy);
  for (std::string& one : names) one = absl::StrCat("CAP_", one);
  return some_of(std::move(names));
}

std::string privilege_in_words(const Service& service) {
  std::vector<std::string> parts;
  const Privilege& held = service.privilege;
  if (service.kernel) parts.emplace_back("in the kernel");
  if (held.uid == 0u) parts.emplace_back("uid 0");
  if (!held.capabilities.empty()) parts.push_back(capabilities_in_words(held.capabilities));
  if (held.host_network) parts.emplace_back("the host's network");
  if (held.host_pid) parts.emplace_back("the host's processes");
  if (!held.sockets.empty()) parts.push_back(some_of(held.sockets));
  if (!held.bpf.empty()) parts.push_back(absl::StrCat(held.bpf.size(), " BPF programs"));
  if (!held.tables.empty()) parts.push_back(some_of(held.tables));
  return absl::StrJoin(parts, ", ");
}

std::string first_reason(const Service& service, bool offload) {
  if (service.privileged) return absl::StrCat("privileged: ", privilege_in_words(service));
  if (offload && service.latency_sensitive && service.traffic_locality == "edge" &&
      !should_offload({service.task, false, false, ""}))
    return "latency sensitive, and its traffic is at the edge";
  if (offload) return absl::StrCat("its task is ", service.task);
  return absl::StrCat("neither privileged nor infrastructure: its task is ", service.task);
}

void decide(const Service& service, const Rules& rules, Placement& placement) {
  if (rules.rules.empty()) {
    const bool offload = should_offload(
        {service.task, service.privileged, service.latency_sensitive, service.traffic_locality});
    placement.verdict = offload ? Verdict::kOffload : Verdict::kKeep;
    placement.reasons.push_back(first_reason(service, offload));
    return;
  }
  for (const Rule& rule : rules.rules) {
    if (!holds(rule, service)) continue;
    placement.verdict = rule.then;
    placement.reasons.push_back(absl::StrCat("rule \"", rule.name, "\""));
    return;
  }
  placement.reasons.emplace_back("no rule says otherwise");
}

// Agents before what carries every packet: their teams learn to debug a split host while little is at stake.
bool control_plane(const Service& service) {
  return service.task == "network_agent" || service.task == "storage_agent" || service.task == "telemetry" ||
         service.task == "tap";
}

// Logs, for twice the noise is not twice the urgency.
double noise_weight(const Noise& noise) {
  return std::log1p(20 * noise.cpu) + 2 * std::log1p(50 * noise.cpu_deviation) +
         std::log1p(noise.wakeups_per_second / 100) + std::log1p(100 * noise.run_queue_wait) +
         std::log1p(10 * noise.softirq);
}

void weigh(const Service& service, Placement& placement) {
  placement.weight = privilege_weight(service) + noise_weight(service.noise);
  const Noise& noise = service.noise;
  if (noise.cpu_deviation >= 0.005) {
    placement.reasons.push_back(
        absl::StrFormat("takes %.2f CPUs, deviating by %.2f", noise.cpu, noise.cpu_deviation));
  } else if (noise.cpu >= 0.005) {
    placement.reasons.push_back(absl::StrFormat("takes %.2f CPUs", noise.cpu));
  }
  if (noise.wakeups_per_second >= 1)
    placement.reasons.push_back(absl::StrFormat("wakes %.0f times a second", noise.wakeups_per_second));
}

// By the article's rule alone whatever holds a privilege moves.  What is not infrastructure should lose the
// privilege instead, and what nobody has named should be named first; own rules may say otherwise.
bool is_misplaced(const Service& service, const Rules& rules, Placement& placement) {
  if (!rules.rules.empty() || !service.privileged) return false;
  if (service.latency_sensitive && service.traffic_locality == "edge") return false;
  if (service.task == "application") {
    placement.reasons.emplace_back("later: an application should lose its privileges, not move with them");
  } else if (service.task == "other") {
    placement.reasons.emplace_back("later: its task is other, nobody has said what of it could move");
  } else {
    return false;
  }
  placement.verdict = Verdict::kLater;
  return true;
}

// What would make a move unwise now, though the decision stands.
void time_it(const Service& service, const Rules& rules, const Capacity& used, Placement& placement) {
  const auto later = [&](std::string why) {
    placement.verdict = Verdict::kLater;
    placement.reasons.push_back(absl::StrCat("later: ", std::move(why)));
  };
  if (service.host_calls_per_second >= rules.many_calls) {
    later(absl::StrFormat("it and the host call each other %.0f times a second (bound %.0f)",
                          service.host_calls_per_second, rules.many_calls));
  }
  const Capacity& room = rules.capacity;
  if (room.cpus > 0 && used.cpus + service.noise.cpu > room.cpus) {
    later(absl::StrFormat("the DPU has %.1f of %.1f CPUs left, it takes %.2f", room.cpus - used.cpus,
                          room.cpus, service.noise.cpu));
  }
  const uint64_t memory = service.memory + service.state;
  if (room.memory > 0 && used.memory + memory > room.memory) {
    later(absl::StrFormat("the DPU has %d of %d MiB left, it takes %d", (room.memory - used.memory) >> 20,
                          room.memory >> 20, memory >> 20));
  }
}

std::vector<std::string> missing_of(const Service& service) {
  std::vector<std::string> missing;
  const auto need = [&](const char* field, const std::string& value) {
    if (value.empty()) missing.emplace_back(field);
  };
  need("health", service.contract.health);
  need("version", service.contract.version);
  need("logOwner", service.contract.log_owner);
  need("fallback", service.contract.fallback);
  return missing;
}

struct Candidate {
  const Service* service;
  Placement* placement;
};

std::vector<Candidate> in_order(const Inventory& inventory, Plan& plan) {
  std::vector<Candidate> order;
  for (size_t i = 0; i < inventory.services.size(); ++i) {
    if (plan.placements[i].verdict == Verdict::kOffload)
      order.push_back({&inventory.services[i], &plan.placements[i]});
  }
  std::sort(order.begin(), order.end(), [](const Candidate& a, const Candidate& b) {
    const bool first = control_plane(*a.service), second = control_plane(*b.service);
    if (first != second) return first;
    if (a.placement->weight != b.placement->weight) return a.placement->weight > b.placement->weight;
    return a.service->name < b.service->name;
  });
  return order;
}

void make_waves(const Inventory& inventory, const Rules& rules, Plan& plan) {
  Capacity used;
  bool agents = true;
  for (const Candidate& one : in_order(inventory, plan)) {
    if (is_misplaced(*one.service, rules, *one.placement)) continue;
    one.placement->missing = missing_of(*one.service);
    if (!one.placement->missing.empty()) {
      one.placement->reasons.push_back(
          absl::StrCat("not ready: its contract lacks ", absl::StrJoin(one.placement->missing, ", ")));
      continue;
    }
    time_it(*one.service, rules, used, *one.placement);
    if (one.placement->verdict != Verdict::kOffload) continue;
    used.cpus += one.service->noise.cpu;
    used.memory += one.service->memory + one.service->state;
    const bool agent = control_plane(*one.service);
    const bool full = plan.waves.empty() || plan.waves.back().services.size() >= rules.wave_budget;
    if (full || agent != agents) {
      const auto number = static_cast<uint32_t>(plan.waves.size() + 1);
      plan.waves.push_back(
          {number, {}, number == 1 ? "" : absl::StrCat("scorecard of wave ", number - 1, ": pays")});
    }
    agents = agent;
    plan.waves.back().services.push_back(one.service->name);
    one.placement->wave = plan.waves.back().number;
  }
}

std::vector<std::string> findings_of(const Inventory& inventory, const Rules& rules) {
  std::vector<std::string> findings;
  const auto applications = std::count_if(inventory.services.begin(), inventory.services.end(),
                                          [](const Service& one) { return one.task == "application"; });
  if (applications > 0 && !inventory.applications_limited)
    findings.emplace_back(
        "applications without a CPU limit: they disturb each other, and a DPU will not mend that");
  if (inventory.application_as_root) {
    findings.emplace_back(
        "an application runs as root: whoever takes it has the host, and a DPU will not mend that");
  }
  const double share = inventory.cpus == 0 ? 0 : inventory.application_cpu / inventory.cpus;
  if (share >= rules.busy_application) {
    findings.push_back(
        absl::StrFormat("applications alone take %.0f %% of the CPUs: the host is too small for them, and a "
                        "DPU will not mend that",
                        100 * share));
  }
  return findings;
}

}  // namespace

double privilege_weight(const Service& service) {
  const Privilege& held = service.privilege;
  double weight = service.kernel || held.uid == 0u ? 2 : 0;
  for (const std::string& one : held.capabilities) {
    const bool all = one == "ALL" || absl::StartsWith(one, "ALL but ");
    weight += all ? 10 : one == "SYS_ADMIN" || one == "NET_ADMIN" ? 2 : 0.5;
  }
  weight += held.host_network ? 1 : 0;
  weight += held.host_pid ? 1 : 0;
  return std::min(weight, 10.0) +
         std::min<double>(static_cast<double>(held.bpf.size() + held.tables.size()), 5.0);
}

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOffload:
      return "offload";
    case Verdict::kLater:
      return "later";
    case Verdict::kKeep:
      break;
  }
  return "keep";
}

Plan make_plan(const Inventory& inventory, const Rules& rules) {
  Plan plan;
  plan.host = inventory.host;
  for (const Service& service : inventory.services) {
    Placement placement;
    placement.service = service.name;
    placement.task = service.task;
    decide(service, rules, placement);
    weigh(service, placement);
    plan.placements.push_back(std::move(placement));
  }
  make_waves(inventory, rules, plan);
  plan.findings = findings_of(inventory, rules);
  return plan;
}

}  // namespace outrigger::offload
