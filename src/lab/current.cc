#include "lab/current.h"

namespace outrigger::lab {

absl::StatusOr<Plan> current_plan(const State& state, const std::string& desired, bool dhcp) {
  const absl::StatusOr<std::string> topology = state.topology();
  if (!topology.ok()) return topology.status();
  const auto base = documents_of(*topology, "the lab's topology");
  if (!base.ok()) return base.status();
  absl::StatusOr<Plan> made = plan(state.lab(), *base, dhcp);
  if (!made.ok() || desired.empty()) return made;
  const auto documents = documents_of(desired, "the desired state");
  if (!documents.ok()) return documents.status();
  absl::StatusOr<Plan> wanted = plan(state.lab(), *documents, dhcp);
  if (!wanted.ok()) return wanted;
  wanted->nodes = made->nodes;
  std::erase_if(wanted->endpoints, [&](const PlannedEndpoint& e) { return wanted->node(e.node) == nullptr; });
  return wanted;
}

}  // namespace outrigger::lab
