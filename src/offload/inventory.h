// What infrastructure work a host does, as `outrigger inventory` writes it and `outrigger plan` reads it:
// YAML, one document, meant to be read and corrected by people.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::offload {

inline constexpr std::string_view kInventoryVersion = "outrigger.dev/inventory/v1";
inline constexpr std::array<std::string_view, 10> kTasks = {
    "policy", "overlay",       "telemetry",     "virtual_switch", "chain",
    "tap",    "storage_agent", "network_agent", "application",    "other"};
inline constexpr std::array<std::string_view, 4> kLocalities = {"edge", "rack", "remote", "none"};

// How much of the host it takes and how unevenly, over the time it was watched.
struct Noise {
  double cpu = 0;                  // CPUs, mean
  double cpu_deviation = 0;        // standard deviation over windows of one second
  double switches_per_second = 0;  // context switches, both kinds
  double wakeups_per_second = 0;   // voluntary ones: it slept and was woken
  double run_queue_wait = 0;       // seconds waited for a CPU, per second
  double softirq = 0;              // share of the host's softirq time that is its doing, if known
  double cpu_pressure = 0;         // share of the last minute in which some of its control group waited
  double memory_pressure = 0, io_pressure = 0;
  double watched_seconds = 0;  // 0: a single look, the figures above are since its start
};

struct Privilege {
  std::vector<std::string> capabilities;  // effective, "NET_ADMIN"; "ALL", "ALL but SYS_RESOURCE"
  std::optional<uint32_t> uid;            // none: work of the kernel
  bool host_network = false;              // shares the host's network namespace
  bool host_pid = false;
  std::vector<std::string> sockets;  // "packet", "raw", "netlink:route", "listen tcp 0.0.0.0:22"
  std::vector<std::string> bpf;      // programs it has loaded, by type and name
  std::vector<std::string> tables;   // kernel tables it owns: "nftables inet filter", "vxlan vx100", ...
};

struct Service {
  std::string name;     // unit, container or program; unique in an inventory
  std::string task;     // as OffloadDecision's; "application", "other"
  std::string why;      // rule of classification, in words
  bool kernel = false;  // rules, tunnels, bridges: a service without a process
  bool privileged = false;
  bool latency_sensitive = false;
  std::string traffic_locality = "none";
  std::vector<uint32_t> pids;
  std::string program, unit, cgroup;
  Noise noise;
  Privilege privilege;
  uint64_t memory = 0;               // bytes, resident
  uint64_t state = 0;                // bytes that would have to move or be built anew
  double host_calls_per_second = 0;  // between it and what stays on the host, were it on the DPU
  // Of its contract (architecture §6); what is empty makes it not ready.
  struct Contract {
    std::string health, version, log_owner, fallback;
  } contract;
  uint32_t line = 0;  // of the file it came from
};

struct Inventory {
  std::string host, kernel, machine, taken_at;  // RFC 3339
  uint32_t cpus = 0;
  uint64_t memory = 0;               // bytes
  double cpu_busy = 0;               // share of all CPUs
  double softirq = 0;                // of that, in softirqs: mostly the network's
  double application_cpu = 0;        // CPUs, by services of task "application"
  bool applications_limited = true;  // every application has a CPU limit
  bool application_as_root = false;
  std::vector<Service> services;
  std::vector<std::string> not_seen;  // what could not be read, and why
};

// Errors name the line, the field and what is known instead; unknown fields and contradictions (a kernel
// service with pids, two services of one name, negative figures, privileged without any privilege) are
// refused.
absl::StatusOr<Inventory> parse_inventory(std::string_view yaml, const std::string& file);
std::string to_yaml(const Inventory& inventory);

}  // namespace outrigger::offload
