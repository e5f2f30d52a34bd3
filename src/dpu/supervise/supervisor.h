// The engines of this node as the rest of the agent sees them: which run, which are installed, how to change
// from one to the other.  What packets are decided by goes through engine::Engine; this is about processes.
// Thread-safety: any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/id.h"
#include "engine/engine.h"

namespace outrigger::agent {

struct EngineView {
  std::string version;
  std::string path;
  std::string state;  // active, standby, shadow, installed, barred, unusable
  int pid = 0;        // 0: does not run
  uint32_t slot = 0;
  Generation generation;  // applied, by its own word
  absl::Time applied_at = absl::InfinitePast();
  absl::Time started_at = absl::InfinitePast();
  uint32_t session_layout = 0;
  uint32_t failures = 0;
  std::string why;  // barred or unusable
  std::string log;  // file its output goes to; empty: it does not run
  std::vector<std::string> enforced;
  std::vector<std::string> not_enforced;
};

struct BeatView {
  unsigned worker = 0;
  uint64_t beat = 0;
  double silent_ms = 0;
  std::string doing;
  bool owned = false;
};

// Words to a change that is under way.  Each may be empty.
struct ChangeWords {
  std::function<bool()> aborted{};
  std::function<bool()> held{};  // stay where you are: nothing is put in force meanwhile
};

struct UpgradeOrder {
  std::string to;
  absl::Duration shadow;
  std::vector<std::string> intended;
  bool lose_sessions = false;
  std::string actor;
  std::string reason;
  ChangeWords words{};
};

struct UpgradeStep {
  std::string step;  // preflight, start, build, shadow, swap, settle, done, failed
  std::string message;
  double blackout_us = 0;
  engine::ShadowReport shadow;
};
using UpgradeProgressFn = std::function<void(const UpgradeStep&)>;

class Supervisor {
 public:
  virtual ~Supervisor() = default;
  [[nodiscard]] virtual bool split() const = 0;  // false: solo, everything in this process
  [[nodiscard]] virtual std::vector<EngineView> engines() = 0;
  [[nodiscard]] virtual EngineView ports() = 0;
  [[nodiscard]] virtual std::vector<BeatView> beats() = 0;
  [[nodiscard]] virtual std::string active_version() = 0;

  // FailedPrecondition with what is in the way; nothing is changed by it.
  virtual absl::Status preflight(const UpgradeOrder& order) = 0;
  // Blocks until done or undone.  On error the version that was active is active; Cancelled: by word.
  // A bar on the version is lifted, and back when this fails.
  virtual absl::Status upgrade(const UpgradeOrder& order, const UpgradeProgressFn& progress) = 0;
  // The version that is active is the one to be used from now on: another takes over no more.
  virtual void stay_with(const std::string& /*version*/) {}
  // To the version that was active before.  Its standby is warm, so this takes no longer than a swap.
  virtual absl::Status rollback(const std::string& actor, const UpgradeProgressFn& progress) = 0;
  // As preflight(), of a rollback.
  virtual absl::Status may_roll_back() = 0;
};

}  // namespace outrigger::agent
