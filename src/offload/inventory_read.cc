#include <algorithm>
#include <map>
#include <span>

#include "absl/strings/str_cat.h"
#include "offload/fields.h"
#include "offload/inventory.h"

namespace outrigger::offload {

using manifest::Map;
using manifest::Spot;

namespace {

constexpr size_t kMaxServices = 100'000;

void take_share(const Map& map, std::string_view key, double& to) {
  take(map, key, to);
  if (to > 1) map.get(key)->fault("is a share, at most 1");
}

void read_noise(const Spot& at, Noise& noise) {
  const Map map(at, {"cpu", "cpuDeviation", "switchesPerSecond", "wakeupsPerSecond", "runQueueWait",
                     "softirq", "cpuPressure", "memoryPressure", "ioPressure", "watchedSeconds"});
  take(map, "cpu", noise.cpu);
  take(map, "cpuDeviation", noise.cpu_deviation);
  take(map, "switchesPerSecond", noise.switches_per_second);
  take(map, "wakeupsPerSecond", noise.wakeups_per_second);
  take(map, "runQueueWait", noise.run_queue_wait);
  take(map, "softirq", noise.softirq);
  take_share(map, "cpuPressure", noise.cpu_pressure);
  take_share(map, "memoryPressure", noise.memory_pressure);
  take_share(map, "ioPressure", noise.io_pressure);
  take(map, "watchedSeconds", noise.watched_seconds);
}

void read_privilege(const Spot& at, Privilege& privilege) {
  const Map map(at, {"capabilities", "uid", "hostNetwork", "hostPid", "sockets", "bpf", "tables"});
  if (!map.valid()) return;
  take(map, "capabilities", privilege.capabilities);
  if (const auto uid = map.get("uid")) {
    if (const auto number = manifest::read_number(*uid, 0, UINT32_MAX))
      privilege.uid = static_cast<uint32_t>(*number);
  }
  take(map, "hostNetwork", privilege.host_network);
  take(map, "hostPid", privilege.host_pid);
  take(map, "sockets", privilege.sockets);
  take(map, "bpf", privilege.bpf);
  take(map, "tables", privilege.tables);
}

void read_contract(const Spot& at, Service::Contract& contract) {
  const Map map(at, {"health", "version", "logOwner", "fallback"});
  take(map, "health", contract.health);
  take(map, "version", contract.version);
  take(map, "logOwner", contract.log_owner);
  take(map, "fallback", contract.fallback);
}

bool known(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string choices(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words)
    absl::StrAppend(&text, text.empty() ? "" : ", ", std::string(word));
  return text;
}

// What cannot be true of one service.
void check(const Spot& at, const Service& service) {
  const auto fault = [&](std::string_view field, const std::string& problem) {
    at.fault_at(at.value().line, field, problem);
  };
  if (service.name.empty()) fault("name", "is missing");
  if (!known(service.task, kTasks)) fault("task", absl::StrCat("must be one of ", choices(kTasks)));
  if (!known(service.traffic_locality, kLocalities))
    fault("trafficLocality", absl::StrCat("must be one of ", choices(kLocalities)));
  if (service.kernel && !service.pids.empty())
    fault("pids", "are of processes, and this is work of the kernel");
  if (service.kernel && service.privilege.uid)
    fault("privilege.uid", "is of processes, and this is work of the kernel");
  const Privilege& held = service.privilege;
  const bool any = service.kernel || !held.capabilities.empty() || held.uid == 0u || held.host_network ||
                   held.host_pid || !held.sockets.empty() || !held.bpf.empty() || !held.tables.empty();
  if (service.privileged && !any)
    fault("privileged",
          "is true, but privilege names none: no capability, uid 0, host namespace, socket or table");
  if (!service.privileged && !held.capabilities.empty())
    fault("privileged",
          absl::StrCat("is false, but privilege.capabilities names ", held.capabilities.front()));
}

Service read_service(const Spot& at) {
  Service service;
  service.line = static_cast<uint32_t>(at.value().line);
  const Map map(at, {"name", "task", "why", "kernel", "privileged", "latencySensitive", "trafficLocality",
                     "pids", "program", "unit", "cgroup", "noise", "privilege", "memoryBytes", "stateBytes",
                     "hostCallsPerSecond", "contract"});
  if (!map.valid()) return service;
  take(map, "name", service.name);
  take(map, "task", service.task);
  take(map, "why", service.why);
  take(map, "kernel", service.kernel);
  take(map, "privileged", service.privileged);
  take(map, "latencySensitive", service.latency_sensitive);
  take(map, "trafficLocality", service.traffic_locality);
  take(map, "program", service.program);
  take(map, "unit", service.unit);
  take(map, "cgroup", service.cgroup);
  take(map, "memoryBytes", service.memory);
  take(map, "stateBytes", service.state);
  take(map, "hostCallsPerSecond", service.host_calls_per_second);
  if (const auto pids = map.get("pids")) {
    manifest::read_list(*pids, kMaxServices, [&](const Spot& item) {
      if (const auto pid = manifest::read_number(item, 1, 1u << 22))
        service.pids.push_back(static_cast<uint32_t>(*pid));
    });
  }
  if (const auto noise = map.get("noise")) read_noise(*noise, service.noise);
  if (const auto privilege = map.get("privilege")) read_privilege(*privilege, service.privilege);
  if (const auto contract = map.get("contract")) read_contract(*contract, service.contract);
  check(at, service);
  return service;
}

void read_host(const Spot& at, Inventory& to) {
  const Map map(at, {"name", "kernel", "machine", "takenAt", "cpus", "memoryBytes", "cpuBusy", "softirq",
                     "applicationCpu", "applicationsLimited", "applicationAsRoot"});
  if (!map.valid()) return;
  take(map, "name", to.host);
  take(map, "kernel", to.kernel);
  take(map, "machine", to.machine);
  take(map, "takenAt", to.taken_at);
  take(map, "cpus", to.cpus);
  take(map, "memoryBytes", to.memory);
  take(map, "cpuBusy", to.cpu_busy);
  take(map, "softirq", to.softirq);
  take(map, "applicationCpu", to.application_cpu);
  take(map, "applicationsLimited", to.applications_limited);
  take(map, "applicationAsRoot", to.application_as_root);
  if (to.cpus == 0) at.fault_at(at.value().line, "cpus", "must be at least 1");
  if (to.cpu_busy > 1) at.fault_at(at.value().line, "cpuBusy", "is a share of all CPUs, at most 1");
  if (to.softirq > to.cpu_busy) at.fault_at(at.value().line, "softirq", "is a part of cpuBusy, at most that");
  if (to.cpus != 0 && to.application_cpu > to.cpus)
    at.fault_at(at.value().line, "applicationCpu",
                absl::StrCat("is more than the host's ", to.cpus, " CPUs"));
}

void read_services(const Spot& at, Inventory& to) {
  std::map<std::string, uint32_t> names;
  std::map<uint32_t, std::string> owners;
  manifest::read_list(at, kMaxServices, [&](const Spot& item) {
    Service service = read_service(item);
    const auto [twin, fresh] = names.try_emplace(service.name, service.line);
    if (!fresh)
      item.fault(absl::StrCat("a service \"", service.name, "\" is in line ", twin->second, " already"));
    for (const uint32_t pid : service.pids) {
      const auto [owner, first] = owners.try_emplace(pid, service.name);
      if (!first) item.fault(absl::StrCat("pid ", pid, " is one of service \"", owner->second, "\" already"));
    }
    to.services.push_back(std::move(service));
  });
}

}  // namespace

absl::StatusOr<Inventory> parse_inventory(std::string_view yaml, const std::string& file) {
  Inventory inventory;
  const absl::Status status = read_document(yaml, file, "inventory", [&](const Spot& root) {
    const Map map(root, {"apiVersion", "host", "services", "notSeen"});
    if (!map.valid()) return;
    std::string version;
    take(map, "apiVersion", version);
    if (version != kInventoryVersion)
      root.fault_at(root.value().line, "apiVersion",
                    absl::StrCat("must be ", std::string(kInventoryVersion)));
    if (const auto host = map.need("host")) read_host(*host, inventory);
    if (const auto services = map.need("services")) read_services(*services, inventory);
    take(map, "notSeen", inventory.not_seen);
  });
  if (!status.ok()) return status;
  return inventory;
}

}  // namespace outrigger::offload
