// The fallback `previous` of agents: a version that fails its probes is given up for the one before, once,
// and that is an incident until the service is ready again.  A rollout that is under way looks after its
// version itself. Thread-safety: one thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "dpu/health/health_board.h"
#include "dpu/journal/events.h"
#include "dpu/sidecar/sidecars.h"

namespace outrigger::agent {

class FallbackPrevious {
 public:
  struct Hooks {
    std::function<ServiceState(const std::string& service)> health;
    std::function<bool(const std::string& service)> in_rollout;
    // Its probes begin anew.
    std::function<void(const std::string& service, const std::string& version)> version_runs;
  };
  FallbackPrevious(Sidecars& sidecars, Hooks hooks, Events& events);

  // From time to time, for each agent.
  void look(const manifest::Service& service);

 private:
  void give_up(const ServiceState& state);
  void tell(Phase phase, const ServiceState& state, const std::string& message);

  Sidecars& sidecars_;
  const Hooks hooks_;
  Events& events_;
  std::set<std::string> fallen_;  // told of, and not ready yet
  std::set<std::string> no_way_;  // told that there is no version before
};

}  // namespace outrigger::agent
