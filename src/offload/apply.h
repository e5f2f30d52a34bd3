// A plan is carried out one wave at a time, and the next one only when the last has paid.  What is done is
// read from the node itself (versions in force, rollouts and their reasons), so that nothing here has a state
// that could differ from it, and asking twice starts nothing twice.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "offload/plan.h"

namespace outrigger::offload {

// What the node says of itself.
inline constexpr char kByHost[] = "host";  // the version of what the host carries
struct NodeService {
  std::string name, version;  // in force
};
struct PastRollout {
  std::string id, service, to, state;
  std::string reason;       // it was started for
  std::string last_reason;  // of its last transition
};
struct NodeView {
  std::vector<NodeService> services;
  std::vector<PastRollout> rollouts;  // newest first
};

enum class Act : uint8_t {
  kStart,     // a rollout of `on_dpu` to `to`
  kDone,      // that version is in force
  kInFlight,  // a rollout that has not ended
  kFailed,    // its last rollout to that version went back
  kByHand,    // the node has nothing that does this work
};
std::string_view name(Act act);  // "start", "done", "in flight", "failed", "by hand"

struct Step {
  std::string service;  // of the inventory
  std::string on_dpu;   // what does its work on the node; empty: nothing
  std::string to;       // version
  Act act = Act::kByHand;
  std::string why;
  std::string afterwards;  // what a person does on the host once it is done
};

struct Turn {
  uint32_t wave = 0;  // 0: every wave is done
  bool begun = false;
  std::vector<Step> steps;
  std::vector<Step> earlier;  // by hand, of waves before: nobody here knows whether somebody did them
};

// The first wave that is not done, or `wave`.  FailedPrecondition: a wave is in flight, an earlier one is not
// done, or one that failed is not asked for by its number.  NotFound: the plan has no such wave.
absl::StatusOr<Turn> next_turn(const Plan& plan, const Inventory& inventory, const NodeView& node,
                               std::optional<uint32_t> wave);

// What `outrigger scorecard -o json` said of the wave before.
struct Paid {
  std::string verdict, why;
  std::string hash;  // of the file, hex: it lets one wave begin, once
};

// Why the wave may begin, as it goes on record with its rollouts: "plan wave 2 of web-1; scorecard 12ab..:
// pays (...)". FailedPrecondition says what is missing; `despite` is on record in its place.
absl::StatusOr<std::string> may_begin(const Turn& turn, const Plan& plan, const NodeView& node,
                                      const std::optional<Paid>& paid, const std::string& despite);

}  // namespace outrigger::offload
