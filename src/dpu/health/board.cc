#include "dpu/health/board.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

bool same(const HealthRules& a, const HealthRules& b) {
  return a.ready_after == b.ready_after && a.fail_after == b.fail_after && a.silence == b.silence &&
         a.flap_window == b.flap_window && a.flaps_allowed == b.flaps_allowed;
}

Severity severity(Health health) {
  switch (health) {
    case Health::kFailed:
      return Severity::kError;
    case Health::kDegraded:
    case Health::kUnknown:
      return Severity::kWarning;
    default:
      return Severity::kInfo;
  }
}

}  // namespace

// What cannot be told is worse than trouble, and better than failure.
Health worst(const std::vector<Health>& states) {
  if (states.empty()) return Health::kUnknown;
  const auto rank = [](Health health) {
    constexpr int kRanks[] = {3, 1, 0, 2, 4};  // unknown, starting, ready, degraded, failed
    return kRanks[static_cast<size_t>(health)];
  };
  return *std::max_element(states.begin(), states.end(),
                           [&](Health a, Health b) { return rank(a) < rank(b); });
}

void Board::add(const Entry& entry, absl::Time now) {
  std::unique_lock lock(mutex_);
  const auto found = services_.find(entry.service);
  if (found != services_.end() && same(found->second.entry.rules, entry.rules) &&
      found->second.entry.probe == entry.probe) {
    found->second.entry = entry;
    found->second.state.version = entry.version;
    return;
  }
  ++changes_;
  Kept kept{.entry = entry, .machine = HealthMachine(entry.rules, now), .state = {}};
  if (found != services_.end()) {
    kept.incident = found->second.incident;
    kept.transitions = found->second.transitions;
    services_.erase(found);
  }
  kept.state.service = entry.service;
  kept.state.version = entry.version;
  kept.state.probe = entry.probe;
  kept.state.health = Health::kStarting;
  kept.state.since = now;
  kept.state.reason = "no result yet";
  const ServiceState begins = kept.state;
  services_.emplace(entry.service, std::move(kept));
  lock.unlock();
  call({begins});
}

// Whoever was told that it is ready must hear that nobody knows any more, and nothing is left to end its
// incident later.
void Board::remove(const std::string& service) {
  ServiceState gone;
  {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    if (found == services_.end()) return;
    ++changes_;
    if (found->second.incident) tell_removed(found->second);
    gone = found->second.state;
    services_.erase(found);
  }
  gone.health = Health::kUnknown;
  gone.reason = "nobody probes it any more";
  call({gone});
}

void Board::tell_removed(const Kept& kept) {
  if (events_ == nullptr) return;
  Event event;
  event.kind = Kind::kHealth;
  event.phase = Phase::kEnd;
  event.domain = kept.entry.domain;
  event.service = kept.entry.service;
  event.version = kept.entry.version;
  event.subject = "health";
  event.message = absl::StrCat(kept.entry.service, ": is no service of this node any more");
  events_->record(std::move(event));
}

void Board::name_version(const std::string& service, const std::string& version) {
  const std::lock_guard lock(mutex_);
  const auto found = services_.find(service);
  if (found == services_.end() || found->second.state.version == version) return;
  ++changes_;
  found->second.entry.version = found->second.state.version = version;
}

void Board::begin_anew(const std::string& service, const std::string& version, absl::Time now) {
  std::unique_lock lock(mutex_);
  const auto found = services_.find(service);
  if (found == services_.end()) return;
  ++changes_;
  Kept& kept = found->second;
  kept.machine = HealthMachine(kept.entry.rules, now);
  kept.entry.version = kept.state.version = version;
  kept.state.health = Health::kStarting;
  kept.state.since = now;
  kept.state.reason = absl::StrCat("no result of version ", version, " yet");
  const ServiceState begins = kept.state;
  lock.unlock();
  call({begins});
}

void Board::note(const std::string& service, const Finding& finding, absl::Time now) {
  std::vector<ServiceState> told;
  {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    if (found == services_.end()) return;
    Kept& kept = found->second;
    const Health before = kept.machine.state();
    (void)kept.machine.note(finding.outcome, now);
    kept.vacuous = kept.state.nothing_to_probe = kept.machine.vacuous();
    kept.state.reason = finding.reason;
    if (kept.machine.damped() && kept.machine.state() == Health::kDegraded &&
        finding.outcome == ProbeOutcome::kPass)
      kept.state.reason = absl::StrCat("changed too often, held back until it stays calm; ", finding.reason);
    kept.state.last_probe = now;
    kept.state.latency = finding.latency;
    const bool good = finding.outcome == ProbeOutcome::kPass || finding.outcome == ProbeOutcome::kTrouble;
    kept.state.succeeded += good ? 1 : 0;
    kept.state.failed += finding.outcome == ProbeOutcome::kFail ? 1 : 0;
    changed(kept, before, now, told);
  }
  call(told);
}

void Board::tick(absl::Time now) {
  std::vector<ServiceState> told;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, kept] : services_) {
      const Health before = kept.machine.state();
      if (!kept.machine.tick(now)) continue;
      kept.vacuous = kept.state.nothing_to_probe = false;
      kept.state.reason = absl::StrCat("no result for ", absl::FormatDuration(kept.entry.rules.silence));
      changed(kept, before, now, told);
    }
  }
  call(told);
}

void Board::forgive(absl::Duration away, absl::Time now) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, kept] : services_) kept.machine.forgive(away, now);
}

void Board::changed(Kept& kept, Health before, absl::Time now, std::vector<ServiceState>& told) {
  if (kept.machine.state() == before) return;
  kept.state.health = kept.machine.state();
  kept.state.since = kept.machine.since();
  kept.state.flaps = kept.machine.flaps();
  ++kept.transitions;
  ++changes_;
  tell(kept, before, now);
  told.push_back(kept.state);
}

// Leaving ready begins an incident, and so does failing without having been ready; ready ends it, also one
// that an agent before us saw begin.  What lies between is told as part of it.
void Board::tell(Kept& kept, Health before, absl::Time now) {
  if (events_ == nullptr) return;
  const Health after = kept.machine.state();
  const absl::Duration wall_ahead = wall_time(now) - now;
  Event event;
  event.kind = Kind::kHealth;
  const bool bad =
      after != Health::kReady && (before == Health::kReady || after == Health::kFailed) && !kept.vacuous;
  if (!kept.incident && bad) {
    event.phase = Phase::kBegin;
    event.first_sign = kept.machine.run_began() + wall_ahead;
    kept.incident = true;
  } else if (after == Health::kReady || (kept.incident && kept.vacuous)) {
    event.phase = Phase::kEnd;
    kept.incident = false;
  } else {
    event.phase = Phase::kPoint;
  }
  event.domain = kept.entry.domain;
  event.severity = kept.vacuous ? Severity::kInfo : severity(after);
  event.service = kept.entry.service;
  event.version = kept.entry.version;
  event.subject = "health";
  event.time = now + wall_ahead;
  event.message = absl::StrCat(kept.entry.service, ": ", std::string(name(before)), " -> ",
                               std::string(name(after)), ": ", kept.state.reason);
  event.evidence["probe"] = kept.entry.probe;
  event.evidence["owner"] = kept.entry.owner;
  event.evidence["latency_us"] = absl::StrCat(absl::ToInt64Microseconds(kept.state.latency));
  events_->record(std::move(event));
}

void Board::call(const std::vector<ServiceState>& told) {
  if (told.empty()) return;
  const std::lock_guard lock(calling_);
  for (const ServiceState& state : told) {
    for (const auto& [number, listener] : listeners_) listener(state);
  }
}

std::vector<ServiceState> Board::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<ServiceState> out;
  for (const auto& [name, kept] : services_) out.push_back(kept.state);
  return out;
}

ServiceState Board::of(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  const auto found = services_.find(service);
  if (found != services_.end()) return found->second.state;
  ServiceState nobody;
  nobody.service = service;
  nobody.reason = "nobody probes it";
  return nobody;
}

uint64_t Board::watch(std::function<void(const ServiceState&)> listener) {
  const std::lock_guard lock(calling_);
  listeners_.emplace(next_, std::move(listener));
  return next_++;
}

void Board::forget(uint64_t watcher) {
  const std::lock_guard lock(calling_);
  listeners_.erase(watcher);
}

Health Board::overall() const {
  const std::lock_guard lock(mutex_);
  std::vector<Health> states;
  for (const auto& [name, kept] : services_) {
    if (!kept.vacuous) states.push_back(kept.state.health);
  }
  return worst(states);
}

std::map<std::string, uint64_t> Board::transitions() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, uint64_t> out;
  for (const auto& [name, kept] : services_) out[name] = kept.transitions;
  return out;
}

uint64_t Board::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

}  // namespace outrigger::agent
