// A change of a service's version that has to earn its place: it is checked, compared beside the old version,
// put in force, watched, and kept only when the service's health says so; each step is on record with who,
// why and on what evidence, and survives the agent.
//
// Theory of operation.  machine.h says what may follow what.  Each rollout that is under way has a thread
// that does the stage's work and waits; words from outside (pause, promote, abort, ...) change its state
// under the lock and wake it.  The record is stored before anything else happens, so a rollout interrupted by
// the agent's death is found in its stage: what was not in force yet is aborted, what was is watched again
// from the start. One that asks for a gate goes on to analyse when it has settled: what was measured before
// the change was stored then, and is judged against what is measured now (analyse.h). Thread-safety: any
// thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dpu/health/health_board.h"
#include "dpu/journal/events.h"
#include "dpu/rollout/analyse.h"
#include "dpu/rollout/machine.h"
#include "dpu/stored_answers.h"
#include "dpu/turns.h"
#include "outrigger/v1/rollout.pb.h"

namespace outrigger::agent {

// What to do to a service.  All but `version` may take long.
struct RolloutOrder {
  std::string service;
  std::string to;
  absl::Duration shadow;
  std::vector<std::string> intended;
  bool lose_sessions = false;
  std::string actor;
  std::string reason;
  // Words that come meanwhile; each may be empty.
  std::function<bool()> aborted{};
  std::function<bool()> held{};  // put nothing in force yet
};
struct Changer {
  std::string group;  // of services changed by the same act: one rollout at a time
  std::function<std::string()> version;
  std::function<absl::Status(const RolloutOrder&)> preflight;
  // Ok: `to` is in force; an error: what was before is.  Gives evidence.
  std::function<absl::StatusOr<std::string>(const RolloutOrder&)> change;
  // To a version that was good before, without a wait.
  std::function<absl::Status(const std::string& version, const std::string& actor)> go_back;
};

class Supervisor;
// For the services that are part of the engine: its version is theirs, one change at a time for all of them.
Changer changer_of(Supervisor& supervisor);
class Sidecars;
// Told when another version of a service takes its place: what was known of its health is of the old one.
using VersionRunsFn = std::function<void(const std::string& service, const std::string& version)>;
// For an agent beside the engine.
Changer changer_of(Sidecars& sidecars, const std::string& service, VersionRunsFn runs);

// Where records are kept, by id; the agent's store.
using RolloutMemory = NoteMemory;

struct RolloutTimes {
  absl::Duration poll = absl::Milliseconds(100);
  absl::Duration stale = absl::Seconds(30);       // a probe's word older than this is none
  absl::Duration judge_every = absl::Seconds(1);  // in analyse
  absl::Duration arrive = absl::Seconds(4);       // what the host measured last is here then
};

class Rollouts {
 public:
  // `board` may be null: then nothing is ever known, and rollouts end in hold; without `measurements` those
  // that ask for a gate do.
  Rollouts(RolloutMemory memory, HealthBoard* board, Events* events, RolloutTimes times = {},
           const Measurements* measurements = nullptr);
  ~Rollouts();

  void offer(const std::string& service, Changer changer);
  // After every offer: reads what is stored and goes on with what was interrupted.
  absl::Status recover();

  absl::StatusOr<v1::Rollout> start(const v1::StartRolloutRequest& request, const std::string& actor);
  absl::StatusOr<v1::Rollout> latest(const std::string& service);
  [[nodiscard]] bool under_way(const std::string& service);
  std::vector<v1::Rollout> list(const std::string& service, uint32_t limit);
  absl::StatusOr<v1::Rollout> change(const v1::ChangeRolloutRequest& request, const std::string& actor);

 private:
  struct Running;
  absl::StatusOr<v1::Rollout> start_once(const v1::StartRolloutRequest& request, const Asked& asked);
  absl::StatusOr<v1::Rollout> change_once(const v1::ChangeRolloutRequest& request, const Asked& asked);
  absl::Status may_start(const std::string& service, const Changer& changer) const;
  void run(Running& one);
  void do_preflight(Running& one);
  void do_shadow(Running& one);
  RolloutOrder order_with_words(Running& one);
  struct Watch;
  struct Look;
  struct WayBack;
  void watch(Running& one);
  Look look_at(const Running& one, const Watch& watch) const;
  static std::optional<WayBack> way_back(Running& one, const Look& look,
                                         const std::optional<Judgement>& judged);
  void go_on(Running& one, Watch& watch, const Look& look);
  void begin_analyse(Running& one, Watch& watch, const Look& look);
  void keep_before(const Running& one);
  Measured before(const std::string& service, const std::string& id) const;
  std::optional<Judgement> judged(const Running& one, Watch& watch, absl::Time now) const;
  void go_back(Running& one, Happening why, const std::string& actor, const std::string& reason,
               const std::string& evidence);
  absl::Status step(v1::Rollout& rollout, Happening happening, const std::string& actor,
                    const std::string& reason, const std::string& evidence);
  absl::Status move(v1::Rollout& rollout, Stage to, const std::string& actor, const std::string& reason,
                    const std::string& evidence, Severity severity = Severity::kInfo);
  absl::Status save(const v1::Rollout& rollout);
  void leave_out(const std::string& id);
  void remember_good(const std::string& service, const std::string& version);
  v1::Rollout shown(const v1::Rollout& rollout) const;
  v1::Rollout* find(const std::string& service);
  void launch(const v1::Rollout& rollout, const v1::StartRolloutRequest& request);
  absl::StatusOr<v1::Rollout> once(const Asked& asked,
                                   const std::function<absl::StatusOr<v1::Rollout>()>& act);
  absl::Status may_change(const v1::Rollout& rollout, const v1::ChangeRolloutRequest& request) const;
  absl::StatusOr<Changer> changer_back(const v1::Rollout& rollout) const;
  absl::Status undo_ended(v1::Rollout& rollout, const Asked& asked, const std::string& reason);

  RolloutMemory memory_;
  HealthBoard* board_;
  Events* events_;
  RolloutTimes times_;
  const Measurements* measurements_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::map<std::string, Changer> changers_;
  std::vector<v1::Rollout> all_;                          // oldest first
  std::map<std::string, std::vector<std::string>> good_;  // by service, newest first
  std::vector<std::unique_ptr<Running>> running_;
  uint64_t next_ = 1;
  // By rollout: who is answered with its next record.  Both are stored together.
  std::map<std::string, const Asked*> asking_;
  Turns turns_;  // of requests under way
  StoredAnswers answers_;
};

}  // namespace outrigger::agent
