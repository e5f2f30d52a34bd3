#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lab/current.h"
#include "lab/host_side.h"
#include "lab/lab.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/node_processes.h"
#include "lab/plan.h"
#include "lab/state.h"

namespace outrigger::lab {
namespace {

absl::StatusOr<PlannedNode> dpu(const State& state, const std::string& name) {
  const absl::StatusOr<Plan> plan = current_plan(state, "", false);
  if (!plan.ok()) return plan.status();
  const PlannedNode* node = plan->node(name);
  if (node != nullptr && node->kind == manifest::Node::Kind::kDpu) return *node;
  std::string known;
  for (const PlannedNode& one : plan->nodes) {
    if (one.kind == manifest::Node::Kind::kDpu) absl::StrAppend(&known, " ", one.name);
  }
  return absl::NotFoundError(
      absl::StrCat("lab \"", state.lab(), "\" has no DPU on a node \"", name, "\"; it has:", known));
}

absl::Status revive(const State& state, const PlannedNode& node) {
  const absl::StatusOr<Lock> lock = Lock::take(state);
  if (!lock.ok()) return lock.status();
  if (!state.frozen(node.name))
    return absl::FailedPreconditionError(absl::StrCat("the DPU of \"", node.name, "\" is not frozen"));
  if (absl::Status status = cut_link(node, false); !status.ok()) return status;
  return state.mark_frozen(node.name, false);
}

}  // namespace

absl::Status freeze(const std::string& name, const std::string& node) {
  if (absl::Status status = check_name(name); !status.ok()) return status;
  const State state(name);
  const absl::StatusOr<Lock> lock = Lock::take(state);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<PlannedNode> found = dpu(state, node);
  if (!found.ok()) return found.status();
  if (state.frozen(node))
    return absl::FailedPreconditionError(absl::StrCat("the DPU of \"", node, "\" is frozen already"));
  if (absl::Status status = state.mark_frozen(node, true); !status.ok()) return status;
  absl::Status cut = cut_link(*found, true);
  end_node_processes(found->netns, state.node_folder(node), absl::ZeroDuration());
  return cut;
}

absl::Status thaw(const std::string& name, const std::string& node, const NodeApi& api) {
  if (absl::Status status = check_name(name); !status.ok()) return status;
  const State state(name);
  const absl::StatusOr<LabOptions> options = state.options();
  if (!options.ok()) return options.status();
  const absl::StatusOr<PlannedNode> found = dpu(state, node);
  if (!found.ok()) return found.status();
  if (absl::Status status = revive(state, *found); !status.ok()) return status;
  return up(*options, api, [](std::string_view) {});
}

}  // namespace outrigger::lab
