// How every service is, for whoever must act on it: rollouts, fallback, the API.  Written by the probes
// alone. Thread-safety: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace outrigger::agent {

enum class Health : uint8_t { kUnknown, kStarting, kReady, kDegraded, kFailed };
std::string_view name(Health health);  // "unknown", "starting", ...

struct ServiceState {
  std::string service;
  std::string version;
  Health health = Health::kUnknown;
  bool nothing_to_probe = false;  // why it is unknown, and no reason for concern
  absl::Time since;
  std::string probe;   // what was tried: "verdict", "loopback", "peer", "heartbeat"
  std::string reason;  // of the last result
  absl::Time last_probe = absl::InfinitePast();
  absl::Duration latency;
  uint64_t succeeded = 0;
  uint64_t failed = 0;
  uint32_t flaps = 0;
};

class HealthBoard {
 public:
  virtual ~HealthBoard() = default;
  [[nodiscard]] virtual std::vector<ServiceState> all() const = 0;  // by name
  // kUnknown for a service that nobody probes.
  [[nodiscard]] virtual ServiceState of(const std::string& service) const = 0;
  // Called on a probe's thread after each change of a service's health; until the returned number is
  // forgotten.
  virtual uint64_t watch(std::function<void(const ServiceState&)> listener) = 0;
  virtual void forget(uint64_t watcher) = 0;
};

}  // namespace outrigger::agent
