#include "absl/strings/str_format.h"
#include "manifest/yaml.h"
#include "offload/inventory.h"

namespace outrigger::offload {

using manifest::Yaml;

namespace {

Yaml text(std::string_view word) {
  Yaml value;
  value.type = Yaml::Type::kQuoted;
  value.text = word;
  return value;
}

Yaml plain(std::string word) {
  Yaml value;
  value.type = Yaml::Type::kPlain;
  value.text = std::move(word);
  return value;
}

// A mapping under construction; what says nothing is left out, for people read it.
class Writer {
 public:
  Writer() { map_.type = Yaml::Type::kMap; }
  Writer& add(std::string key, Yaml value) {
    map_.fields.push_back({std::move(key), 0, std::move(value)});
    return *this;
  }
  Writer& words(const char* key, const std::string& word) {
    return word.empty() ? *this : add(key, text(word));
  }
  Writer& flag(const char* key, bool value) { return value ? add(key, plain("true")) : *this; }
  Writer& real(const char* key, double value) {
    if (value == 0) return *this;
    std::string digits = absl::StrFormat("%.6g", value);
    std::erase(digits, '+');  // "5e+06" would be quoted, as a text
    return add(key, plain(std::move(digits)));
  }
  Writer& whole(const char* key, uint64_t value) {
    return value == 0 ? *this : add(key, plain(std::to_string(value)));
  }
  template <typename Range, typename Make>
  Writer& list(const char* key, const Range& range, Make make) {
    Yaml value;
    value.type = Yaml::Type::kList;
    for (const auto& one : range) value.items.push_back(make(one));
    return value.items.empty() ? *this : add(key, std::move(value));
  }
  Writer& part(const char* key, Writer&& writer) {
    return writer.map_.fields.empty() ? *this : add(key, std::move(writer.map_));
  }
  Yaml take() { return std::move(map_); }

 private:
  Yaml map_;
};

Writer noise_of(const Noise& noise) {
  Writer out;
  out.real("cpu", noise.cpu).real("cpuDeviation", noise.cpu_deviation);
  out.real("switchesPerSecond", noise.switches_per_second).real("wakeupsPerSecond", noise.wakeups_per_second);
  out.real("runQueueWait", noise.run_queue_wait).real("softirq", noise.softirq);
  out.real("cpuPressure", noise.cpu_pressure).real("memoryPressure", noise.memory_pressure);
  out.real("ioPressure", noise.io_pressure);
  out.real("watchedSeconds", noise.watched_seconds);
  return out;
}

Writer privilege_of(const Privilege& privilege) {
  Writer out;
  out.list("capabilities", privilege.capabilities, text);
  if (privilege.uid) out.add("uid", plain(std::to_string(*privilege.uid)));
  out.flag("hostNetwork", privilege.host_network).flag("hostPid", privilege.host_pid);
  out.list("sockets", privilege.sockets, text)
      .list("bpf", privilege.bpf, text)
      .list("tables", privilege.tables, text);
  return out;
}

Yaml service_of(const Service& service) {
  Writer out;
  out.words("name", service.name).words("task", service.task).words("why", service.why);
  out.flag("kernel", service.kernel);
  out.add("privileged", plain(service.privileged ? "true" : "false"));
  out.flag("latencySensitive", service.latency_sensitive).words("trafficLocality", service.traffic_locality);
  out.words("program", service.program).words("unit", service.unit).words("cgroup", service.cgroup);
  out.list("pids", service.pids, [](uint32_t pid) { return plain(std::to_string(pid)); });
  out.part("noise", noise_of(service.noise)).part("privilege", privilege_of(service.privilege));
  out.whole("memoryBytes", service.memory).whole("stateBytes", service.state);
  out.real("hostCallsPerSecond", service.host_calls_per_second);
  Writer contract;
  contract.words("health", service.contract.health).words("version", service.contract.version);
  contract.words("logOwner", service.contract.log_owner).words("fallback", service.contract.fallback);
  return out.part("contract", std::move(contract)).take();
}

Writer host_of(const Inventory& inventory) {
  Writer out;
  out.words("name", inventory.host).words("kernel", inventory.kernel).words("machine", inventory.machine);
  out.words("takenAt", inventory.taken_at)
      .whole("cpus", inventory.cpus)
      .whole("memoryBytes", inventory.memory);
  out.real("cpuBusy", inventory.cpu_busy)
      .real("softirq", inventory.softirq)
      .real("applicationCpu", inventory.application_cpu);
  out.add("applicationsLimited", plain(inventory.applications_limited ? "true" : "false"));
  return std::move(out.flag("applicationAsRoot", inventory.application_as_root));
}

}  // namespace

std::string to_yaml(const Inventory& inventory) {
  Writer out;
  out.add("apiVersion", text(kInventoryVersion)).part("host", host_of(inventory));
  Yaml services;
  services.type = Yaml::Type::kList;
  for (const Service& service : inventory.services) services.items.push_back(service_of(service));
  out.add("services", std::move(services)).list("notSeen", inventory.not_seen, text);
  return manifest::emit_yaml(out.take());
}

}  // namespace outrigger::offload
