// Which version of each agent beside the engine runs: a contract that names another one begins a rollout, so
// that every change is on record and has to earn its place; one that fails its probes later is given up for
// the version before, when its contract says so. Thread-safety: one thread.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "dpu/health/board.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/sidecar/fallback_previous.h"

namespace outrigger::agent {

class SidecarVersions {
 public:
  // The first two and `events` must outlive it; it must outlive the rollouts' threads.
  SidecarVersions(Sidecars& sidecars, Board& board, Rollouts& rollouts, Events& events);

  // The desired state is another: before Rollouts::recover(), and after each apply.
  void follow(const std::vector<const manifest::Object*>& objects);
  // From time to time.
  void look();

 private:
  void begin_rollout(const SidecarView& view);
  void ordered(const std::string& service, const std::string& version);
  [[nodiscard]] bool changes(const std::string& service);
  void note_running(const std::string& service);

  Sidecars& sidecars_;
  Board& board_;
  Rollouts& rollouts_;
  FallbackPrevious fallback_;
  std::map<std::string, manifest::Service> contracts_;
  std::map<std::string, std::string> asked_;  // the version a rollout was begun for, by service
  std::mutex mutex_;
  std::set<std::string> changing_;  // under mutex_: another version was ordered and does not run yet
};

}  // namespace outrigger::agent
