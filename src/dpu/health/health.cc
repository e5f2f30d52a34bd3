#include "dpu/health/health.h"

#include "absl/strings/str_cat.h"
#include "dpu/health/reach.h"

namespace outrigger::agent {

namespace {

using manifest::Service;

// What the node itself is made of is there when it begins, or it is not; an agent may need a while for that.
constexpr absl::Duration kFirst = absl::Milliseconds(200);

Domain domain_of(const Service& service) {
  switch (service.task) {
    case Service::Task::kPolicy:
      return Domain::kPolicy;
    case Service::Task::kOverlay:
      return Domain::kFabric;
    default:
      return Domain::kDpu;
  }
}

std::string probe_name(const Contract& contract) {
  const std::string& name = contract.service.meta.name;
  if (name == kEngineService) return "heartbeat";
  if (name == kStoreService) return "write";
  return std::string(manifest::text(contract.service.health.probe));
}

// Of a service in the engine another version is probed as this one is; a probe knows things worth keeping:
// which peers it missed.
bool goes_on(const Contract& before, const Contract& now) {
  Service as_before = now.service;
  if (now.built_in) as_before.version = before.service.version;
  return before.built_in == now.built_in && before.service == as_before;
}

}  // namespace

HealthOfNode::HealthOfNode(Settings settings, Events& events)
    : settings_(std::move(settings)), events_(events), board_(&events), runner_(board_) {
  const std::lock_guard lock(mutex_);
  reload_locked();
}

void HealthOfNode::reload(const std::vector<const manifest::Object*>& objects) {
  const std::lock_guard lock(mutex_);
  objects_.clear();
  for (const manifest::Object* object : objects) {
    if (std::holds_alternative<Service>(*object)) objects_.push_back(*object);
  }
  reload_locked();
}

void HealthOfNode::set_engine_version(const std::string& version) {
  const std::lock_guard lock(mutex_);
  settings_.engine_version = version;
  reload_locked();
}

void HealthOfNode::reload_locked() {
  std::vector<const manifest::Object*> objects;
  for (const manifest::Object& object : objects_) objects.push_back(&object);
  std::map<std::string, Contract> wanted;
  for (Contract& contract : agent::contracts(objects, settings_.engine_version))
    wanted.emplace(contract.service.meta.name, std::move(contract));
  for (const auto& [name, contract] : running_) {
    if (wanted.contains(name)) continue;
    runner_.remove(name);
    board_.remove(name);
  }
  for (const auto& [name, contract] : wanted) {
    const auto before = running_.find(name);
    if (before == running_.end() || !goes_on(before->second, contract)) {
      begin(contract);
    } else {
      add_to_board(contract);
    }
  }
  running_ = std::move(wanted);
}

void HealthOfNode::add_to_board(const Contract& contract) {
  const Service& service = contract.service;
  const absl::Duration interval = absl::Milliseconds(service.health.interval_ms);
  board_.add({service.meta.name, service.version, probe_name(contract), service.logs.owner,
              domain_of(service),
              HealthRules::of(interval, absl::Milliseconds(service.health.timeout_ms),
                              service.health.ready_after, service.health.fail_after)});
}

void HealthOfNode::begin(const Contract& contract) {
  add_to_board(contract);
  runner_.add(contract.service.meta.name, probe_of(contract),
              absl::Milliseconds(contract.service.health.interval_ms),
              contract.built_in ? kFirst : absl::InfiniteDuration());
}

Probe HealthOfNode::probe_of(const Contract& contract) {
  const Service& service = contract.service;
  const absl::Duration timeout = absl::Milliseconds(service.health.timeout_ms);
  if (service.meta.name == kEngineService) return heartbeat_probe(settings_.sources, settings_.stall);
  if (service.meta.name == kStoreService) return store_probe(settings_.sources);
  switch (service.health.probe) {
    case Service::Probe::kVerdict:
      return verdict_probe(settings_.sources, timeout);
    case Service::Probe::kLoopback:
      return loopback_probe(settings_.sources, timeout);
    case Service::Probe::kPeer:
      return peer_probe(settings_.sources, timeout, &events_);
    default:
      return reach_probe(settings_.sources, service);
  }
}

std::vector<Contract> HealthOfNode::contracts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Contract> out;
  for (const auto& [name, contract] : running_) out.push_back(contract);
  return out;
}

std::string HealthOfNode::owner(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(service);
  return found == running_.end() ? "platform" : found->second.service.logs.owner;
}

}  // namespace outrigger::agent
