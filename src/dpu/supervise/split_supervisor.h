// Changes of the engines' version, as steps of SplitEngine run on the engine's thread.  One change at a time
// on a node, whoever asks. Thread-safety: any thread; what is shown is a copy taken at the last step of
// supervision.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dpu/journal/events.h"
#include "dpu/supervise/split_engine.h"
#include "dpu/supervise/supervisor.h"

namespace outrigger::agent {

// Runs a function on the thread that owns the engine; returns when it has run.
using OnEngine = std::function<void(const std::function<void(SplitEngine&)>&)>;

struct SupervisorHooks {
  std::function<bool()> fallback_in_force;  // may be empty
  // The chosen version must outlive the agent and the node's restart; may be empty.
  std::function<void(const std::string& version)> remember_version;
};

class SplitSupervisor final : public Supervisor {
 public:
  SplitSupervisor(OnEngine on_engine, Events* events, SupervisorHooks hooks)
      : on_engine_(std::move(on_engine)), events_(events), hooks_(std::move(hooks)) {}

  [[nodiscard]] bool split() const override { return true; }
  [[nodiscard]] std::vector<EngineView> engines() override;
  [[nodiscard]] EngineView ports() override;
  [[nodiscard]] std::vector<BeatView> beats() override;
  [[nodiscard]] std::string active_version() override;
  absl::Status preflight(const UpgradeOrder& order) override;
  absl::Status upgrade(const UpgradeOrder& order, const UpgradeProgressFn& progress) override;
  void stay_with(const std::string& version) override;
  absl::Status rollback(const std::string& actor, const UpgradeProgressFn& progress) override;
  absl::Status may_roll_back() override;

  [[nodiscard]] std::vector<SplitEngine::Consumer> consumers();

 private:
  class Change;  // holds the one place for a change; set free when destroyed
  // Instances: the one to go back to, and the one that is left then.
  struct WayBack {
    std::string to, from;
  };
  [[nodiscard]] absl::StatusOr<WayBack> way_back();
  [[nodiscard]] absl::Status nobody_changes();
  absl::Status check(const UpgradeOrder& order);
  absl::Status change_to(const UpgradeOrder& order, const UpgradeProgressFn& progress);
  std::string lift(const std::string& version, const UpgradeProgressFn& progress);
  absl::StatusOr<std::string> bring_up(const UpgradeOrder& order, const UpgradeProgressFn& progress);
  absl::Status wait_for(const std::string& instance, absl::Duration patience, const ChangeWords& words,
                        const std::function<bool(SplitEngine&, Member&)>& ready);
  absl::Status shadow(const std::string& instance, const UpgradeOrder& order,
                      const UpgradeProgressFn& progress);
  absl::Status take_over(const std::string& instance, const UpgradeProgressFn& progress);
  absl::Status settle(const std::string& instance);
  void undo(const std::string& instance, const std::string& back_to);
  void told(Severity severity, const std::string& message) const;

  OnEngine on_engine_;
  Events* events_;
  SupervisorHooks hooks_;
  std::mutex changing_;
  std::string change_;  // under changing_: who runs one; empty: nobody
};

}  // namespace outrigger::agent
