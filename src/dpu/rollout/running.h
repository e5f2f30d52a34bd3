// A rollout that is under way.  For rollouts.cc and run.cc alone.
#pragma once

#include <optional>
#include <string>
#include <thread>

#include "dpu/rollout/rollouts.h"

namespace outrigger::agent {

struct Rollouts::Running {
  std::string id;
  v1::StartRolloutRequest request;
  std::string actor;
  std::thread thread;
  // Under the lock: words from outside, for the thread to act on.
  std::optional<Happening> word;
  std::string word_actor;
  std::string word_reason;
  bool done = false;
};

constexpr size_t kGoodVersions = 5;

inline Stage stage_of(const v1::Rollout& rollout) {
  return stage_from(rollout.state()).value_or(Stage::kAborted);
}

inline RolloutOrder order_of(const v1::StartRolloutRequest& request, const std::string& actor) {
  return {request.service(),
          request.to(),
          absl::Seconds(request.shadow_seconds()),
          {request.intended().begin(), request.intended().end()},
          request.lose_sessions(),
          actor,
          request.reason()};
}

}  // namespace outrigger::agent
