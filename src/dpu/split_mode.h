// Which way this agent runs its engines, and how split mode is put together.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/steady_time.h"
#include "dpu/desired_state.h"
#include "dpu/engine_thread.h"
#include "dpu/options.h"
#include "dpu/supervise/split_supervisor.h"

namespace outrigger::agent {

struct ModeChoice {
  bool split = false;
  std::string why;  // not, or what will be done for it
};
// FailedPrecondition when split mode is asked for and cannot be.
absl::StatusOr<ModeChoice> choose_mode(const Options& options);

struct SplitParts {
  std::unique_ptr<EngineThread> engine;
  std::unique_ptr<Supervisor> supervisor;
};
// `notes` keeps the chosen version, used only under `notes_lock`; both, `events` and `state` must outlive the
// parts. The version named in `notes` is used before that of `options`.
struct SplitNeeds {
  Events* events = nullptr;
  DesiredState* state = nullptr;
  Store* notes = nullptr;
  std::mutex* notes_lock = nullptr;
  std::function<bool()> fallback_in_force{};
};
absl::StatusOr<SplitParts> start_split(const Options& options, const SplitNeeds& needs);
// As choose_mode says: split, or an engine in this process.
absl::StatusOr<SplitParts> start_engines(const Options& options, const SplitNeeds& needs);

// What the processes beside us write to.
struct ChildOutput {
  std::string path;
  std::string service;
  std::string version;
  std::string subject;  // "slot 0"
};
std::vector<ChildOutput> child_outputs(Supervisor& supervisor);

// What there is to see of engines when there is but this process.
class SoloSupervisor final : public Supervisor {
 public:
  // `state` says since when the engine has what it holds; it may be null.
  explicit SoloSupervisor(EngineThread& engine, const DesiredState* state = nullptr)
      : engine_(engine), state_(state) {}
  [[nodiscard]] bool split() const override { return false; }
  [[nodiscard]] std::vector<EngineView> engines() override;
  [[nodiscard]] EngineView ports() override { return {}; }
  [[nodiscard]] std::vector<BeatView> beats() override;
  [[nodiscard]] std::string active_version() override;
  absl::Status preflight(const UpgradeOrder& order) override;
  absl::Status upgrade(const UpgradeOrder& order, const UpgradeProgressFn& progress) override;
  absl::Status rollback(const std::string& actor, const UpgradeProgressFn& progress) override;
  absl::Status may_roll_back() override;

 private:
  EngineThread& engine_;
  const DesiredState* const state_;
  absl::Time started_ = steady_time();
};

}  // namespace outrigger::agent
