#include "offload/apply.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::offload {

namespace {

// Tasks and the services of a node that do them.  A network or storage agent is known by its name alone.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kCounterparts = {
    {{"virtual_switch", "vswitch"},
     {"policy", "policy"},
     {"overlay", "overlay"},
     {"chain", "chain"},
     {"tap", "tap"},
     {"telemetry", "telemetry"}}};

constexpr std::string_view kPays = "pays";

const NodeService* named(const NodeView& node, std::string_view name) {
  const auto found = std::ranges::find(node.services, name, &NodeService::name);
  return found == node.services.end() ? nullptr : &*found;
}

const NodeService* counterpart(const NodeView& node, const Service& service) {
  if (const NodeService* same = named(node, service.name); same != nullptr) return same;
  for (const auto& [task, name] : kCounterparts) {
    if (task == service.task) return named(node, name);
  }
  return nullptr;
}

bool ended(const PastRollout& rollout) {
  const std::string& state = rollout.state;
  return state == "complete" || state == "rolled_back" || state == "fallback" || state == "aborted";
}

const PastRollout* latest(const NodeView& node, const std::string& service) {
  const auto found = std::ranges::find(node.rollouts, service, &PastRollout::service);
  return found == node.rollouts.end() ? nullptr : &*found;
}

std::string tag_of(uint32_t wave, const std::string& host) {
  return absl::StrCat("plan wave ", wave, " of ", host, ";");
}

// The host's own is in the way of nothing while it runs beside; switching it off is a person's act.
std::string afterwards_of(const Service& service) {
  if (!service.unit.empty()) return absl::StrCat("systemctl disable --now ", service.unit);
  if (!service.privilege.tables.empty())
    return absl::StrCat("remove ", absl::StrJoin(service.privilege.tables, ", "));
  return absl::StrCat("stop ", service.name);
}

std::string by_hand(const Service& service) {
  const bool agent = service.task == "network_agent" || service.task == "storage_agent";
  if (agent)
    return absl::StrCat("no service \"", service.name,
                        "\" on this node: bundle it as a sidecar (kind Service with spec.image), apply that, "
                        "then run this again");
  return absl::StrCat("nothing on this node does ", service.task,
                      ": move it by hand where its maker has a version for the DPU, or keep it");
}

// Services of one engine share its version: a later wave may have brought in another, which is no way back.
void judge(Step& step, const NodeService& present, const PastRollout* last) {
  step.on_dpu = present.name;
  if (last != nullptr && !ended(*last)) {
    step.act = Act::kInFlight;
    step.why = absl::StrCat("rollout ", last->id, " is in ", last->state,
                            last->last_reason.empty() ? "" : ": ", last->last_reason);
  } else if (present.version == step.to) {
    step.act = Act::kDone;
    step.why = absl::StrCat("version ", step.to, " of ", present.name, " is in force");
  } else if (last != nullptr && last->to == step.to && last->state != "complete") {
    step.act = Act::kFailed;
    step.why = absl::StrCat("rollout ", last->id, " was ", last->state, ": ", last->last_reason);
  } else if (last != nullptr && last->to == step.to && present.version != kByHost) {
    step.act = Act::kDone;
    step.why = absl::StrCat("rollout ", last->id, " to ", step.to, " was complete");
  } else {
    step.act = Act::kStart;
    step.why = absl::StrCat(present.name, " from ", present.version, " to ", step.to);
  }
}

Step step_of(const Service& service, const NodeView& node) {
  Step step{.service = service.name, .to = service.contract.version, .afterwards = afterwards_of(service)};
  const NodeService* present = counterpart(node, service);
  if (present == nullptr) {
    step.why = by_hand(service);
  } else {
    judge(step, *present, latest(node, present->name));
  }
  return step;
}

Turn turn_of(const Wave& wave, const Plan& plan, const Inventory& inventory, const NodeView& node) {
  Turn turn{.wave = wave.number};
  for (const std::string& name : wave.services) {
    const auto service = std::ranges::find(inventory.services, name, &Service::name);
    if (service != inventory.services.end()) turn.steps.push_back(step_of(*service, node));
  }
  const std::string tag = tag_of(wave.number, plan.host);
  turn.begun = std::ranges::any_of(node.rollouts,
                                   [&](const PastRollout& one) { return absl::StartsWith(one.reason, tag); });
  return turn;
}

bool has(const Turn& turn, Act act) { return std::ranges::count(turn.steps, act, &Step::act) > 0; }

// Steps that are no rollout's are a person's: they hold up nothing but the scorecard, which is theirs too.
bool done(const Turn& turn) {
  return !has(turn, Act::kStart) && !has(turn, Act::kFailed) && !has(turn, Act::kInFlight);
}

std::string described(const Turn& turn, Act act) {
  std::vector<std::string> words;
  for (const Step& step : turn.steps) {
    if (step.act == act) words.push_back(absl::StrCat(step.service, ": ", step.why));
  }
  return absl::StrJoin(words, "; ");
}

}  // namespace

std::string_view name(Act act) {
  constexpr std::string_view kNames[] = {"start", "done", "in flight", "failed", "by hand"};
  return kNames[static_cast<size_t>(act)];
}

absl::StatusOr<Turn> next_turn(const Plan& plan, const Inventory& inventory, const NodeView& node,
                               std::optional<uint32_t> wave) {
  std::vector<Step> earlier;
  for (const Wave& one : plan.waves) {
    Turn turn = turn_of(one, plan, inventory, node);
    turn.earlier = earlier;
    if (has(turn, Act::kInFlight))
      return absl::FailedPreconditionError(
          absl::StrCat("wave ", one.number, " is in flight: ", described(turn, Act::kInFlight),
                       "; one wave at a time: `outrigger rollout status`, and where it holds `promote` or "
                       "`abort`"));
    if (wave == one.number) return turn;
    if (done(turn)) {
      std::ranges::copy_if(turn.steps, std::back_inserter(earlier),
                           [](const Step& step) { return step.act == Act::kByHand; });
      continue;
    }
    if (wave)
      return absl::FailedPreconditionError(absl::StrCat("wave ", *wave, " comes after wave ", one.number,
                                                        ", which is not done: ", described(turn, Act::kStart),
                                                        described(turn, Act::kFailed)));
    if (has(turn, Act::kFailed))
      return absl::FailedPreconditionError(absl::StrCat("wave ", one.number,
                                                        " failed: ", described(turn, Act::kFailed),
                                                        "; --wave ", one.number, " tries it again"));
    return turn;
  }
  if (!wave) return Turn{.earlier = earlier};
  return absl::NotFoundError(absl::StrCat("the plan has ", plan.waves.size(), " waves, no wave ", *wave));
}

absl::StatusOr<std::string> may_begin(const Turn& turn, const Plan& plan, const NodeView& node,
                                      const std::optional<Paid>& paid, const std::string& despite) {
  const std::string tag = tag_of(turn.wave, plan.host);
  if (turn.wave <= 1 || turn.begun) return tag + (turn.begun ? " it has begun" : " the first");
  const auto spent = [&] {
    return std::ranges::any_of(node.rollouts, [&](const PastRollout& one) {
      return absl::StrContains(one.reason, absl::StrCat("scorecard ", paid->hash));
    });
  };
  std::string missing;
  if (!paid) {
    missing = absl::StrCat("wave ", turn.wave, " waits for the scorecard of wave ", turn.wave - 1,
                           ": --scorecard FILE, from `outrigger scorecard BEFORE AFTER -o json`");
  } else if (paid->verdict != kPays) {
    missing = absl::StrCat("the scorecard of wave ", turn.wave - 1, " says ", paid->verdict, ": ", paid->why);
  } else if (spent()) {
    missing = absl::StrCat("this scorecard (", paid->hash, ") let an earlier wave begin: wave ", turn.wave,
                           " waits for one that was measured after it");
  }
  const std::string card =
      paid ? absl::StrCat("scorecard ", paid->hash, ": ", paid->verdict) : "no scorecard";
  if (missing.empty()) return absl::StrCat(tag, " ", card, " (", paid->why, ")");
  if (!despite.empty()) return absl::StrCat(tag, " despite ", card, ": ", despite);
  return absl::FailedPreconditionError(
      absl::StrCat(missing, "; --despite REASON goes on all the same, and is on record"));
}

}  // namespace outrigger::offload
