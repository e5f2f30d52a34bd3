// Health of everything on the node: which services there are, the probe each has, and what came of it.  Made
// once; told of each new desired state.
// Thread-safety: reload() from any thread; board() from any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "dpu/health/board.h"
#include "dpu/health/catalogue.h"
#include "dpu/health/runner.h"
#include "manifest/objects.h"

namespace outrigger::agent {

class HealthOfNode {
 public:
  struct Settings {
    ProbeSources sources;
    std::string engine_version;               // of built-in services
    absl::Duration stall = absl::Seconds(1);  // a worker silent for so long has stopped
  };
  HealthOfNode(Settings settings, Events& events);

  // Probes what these objects ask for, and no more.  Services whose contract is as before go on undisturbed.
  void reload(const std::vector<const manifest::Object*>& objects);
  void set_engine_version(const std::string& version);  // after an upgrade

  [[nodiscard]] Board& board() { return board_; }
  [[nodiscard]] std::vector<Contract> contracts() const;
  // The contract's log owner; "platform" for what has no contract.
  [[nodiscard]] std::string owner(const std::string& service) const;

 private:
  void reload_locked();
  [[nodiscard]] Probe probe_of(const Contract& contract);
  void add_to_board(const Contract& contract);
  void begin(const Contract& contract);

  Settings settings_;
  Events& events_;
  mutable std::mutex mutex_;
  std::vector<manifest::Object> objects_;  // the Services among the desired state
  std::map<std::string, Contract> running_;
  Board board_;
  Runner runner_;  // after the board: it ends first
};

}  // namespace outrigger::agent
