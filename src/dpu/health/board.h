// The one place that turns probe results into health: a machine a service, the events of its changes, and who
// wants to hear of them. Thread-safety: any thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/steady_time.h"
#include "dpu/health/health_board.h"
#include "dpu/health/machine.h"
#include "dpu/health/probes.h"
#include "dpu/journal/events.h"

namespace outrigger::agent {

class Board final : public HealthBoard {
 public:
  explicit Board(Events* events) : events_(events) {}

  // A service that is probed from now on; one that is there begins anew only when its rules are others.
  struct Entry {
    std::string service, version, probe, owner;
    Domain domain = Domain::kDpu;  // of a failure, as far as the probe can tell
    HealthRules rules;
  };
  void add(const Entry& entry, absl::Time now = steady_time());
  void remove(const std::string& service);
  // Another version of it runs than its contract names; what its probes have found stays.
  void name_version(const std::string& service, const std::string& version);
  // Another version of it runs from now on: it has to earn its health anew.
  void begin_anew(const std::string& service, const std::string& version, absl::Time now = steady_time());
  void note(const std::string& service, const Finding& finding, absl::Time now = steady_time());
  void tick(absl::Time now = steady_time());  // silence
  // We ourselves were stopped for so long, frozen or without a CPU: that is no silence of the services.
  void forgive(absl::Duration away, absl::Time now = steady_time());

  [[nodiscard]] std::vector<ServiceState> all() const override;
  [[nodiscard]] ServiceState of(const std::string& service) const override;
  uint64_t watch(std::function<void(const ServiceState&)> listener) override;
  void forget(uint64_t watcher) override;

  // The worst of all; services with nothing to probe are left out.  Unknown when no other is there.
  [[nodiscard]] Health overall() const;
  [[nodiscard]] std::map<std::string, uint64_t> transitions() const;  // by service
  // Changes with every change of health: what a watcher waits for.
  [[nodiscard]] uint64_t changes() const;

 private:
  struct Kept {
    Entry entry;
    HealthMachine machine;
    ServiceState state;
    uint64_t transitions = 0;
    bool incident = false;  // a begin was told and no end
    bool vacuous = false;
  };
  void changed(Kept& kept, Health before, absl::Time now, std::vector<ServiceState>& told);
  void tell_removed(const Kept& kept);
  void tell(Kept& kept, Health before, absl::Time now);
  void call(const std::vector<ServiceState>& told);

  Events* const events_;
  mutable std::mutex mutex_;
  std::map<std::string, Kept> services_;
  uint64_t changes_ = 0;
  std::mutex calling_;  // a listener that was forgotten is not called any more
  std::map<uint64_t, std::function<void(const ServiceState&)>> listeners_;  // under calling_
  uint64_t next_ = 1;
};

Health worst(const std::vector<Health>& states);

}  // namespace outrigger::agent
