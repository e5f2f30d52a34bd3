#include "dpu/health/catalogue.h"

#include <map>

namespace outrigger::agent {

namespace {

using manifest::Service;
using Fallback = Service::Fallback;

Contract built_in(const char* name, Service::Task task, Service::Probe probe, uint32_t interval_ms,
                  const char* owner, const std::string& version) {
  Contract made{.service = {}, .built_in = true};
  Service& service = made.service;
  service.meta.name = name;
  service.version = version;
  service.task = task;
  service.privileged = true;
  service.latency_sensitive = true;
  service.locality = task == Service::Task::kPolicy ? Service::Locality::kEdge : Service::Locality::kEastWest;
  service.health.probe = probe;
  service.health.interval_ms = interval_ms;
  service.health.timeout_ms = 1000;
  service.logs.owner = owner;
  service.fallback = {Fallback::kPrevious, Fallback::kHost, Fallback::kClosed};
  return made;
}

}  // namespace

std::vector<Contract> contracts(const std::vector<const manifest::Object*>& objects,
                                const std::string& version) {
  using Task = Service::Task;
  using Probe = Service::Probe;
  std::map<std::string, Contract> all;
  all["policy"] = built_in("policy", Task::kPolicy, Probe::kVerdict, 200, "netsec", version);
  all["vswitch"] = built_in("vswitch", Task::kVirtualSwitch, Probe::kLoopback, 200, "network", version);
  all["overlay"] = built_in("overlay", Task::kOverlay, Probe::kPeer, 250, "network", version);
  all[kEngineService] = built_in(kEngineService, Task::kAgent, Probe::kLoopback, 200, "platform", version);
  all[kStoreService] = built_in(kStoreService, Task::kAgent, Probe::kExec, 2000, "platform", version);
  for (const manifest::Object* object : objects) {
    const auto* service = std::get_if<Service>(object);
    if (service == nullptr) continue;
    Contract& made = all[service->meta.name];
    made.service = *service;
    // The engine's services are of the engine's version, whatever their contract was written for.
    if (made.built_in) made.service.version = version.empty() ? service->version : version;
  }
  std::vector<Contract> out;
  for (auto& [name, contract] : all) out.push_back(std::move(contract));
  return out;
}

}  // namespace outrigger::agent
