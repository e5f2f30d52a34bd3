#include "lab/lab.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lab/cabling.h"
#include "lab/current.h"
#include "lab/daemon.h"
#include "lab/host_side.h"
#include "lab/huge_pages.h"
#include "lab/interrupt.h"
#include "lab/mode.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/node_processes.h"
#include "lab/plan.h"
#include "lab/requirements.h"
#include "lab/state.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

// From the first daemon that answers: all hold the same.  Empty when the lab has no DPU.
absl::StatusOr<std::string> desired_state(const std::vector<NodeSocket>& nodes, const NodeApi& api) {
  absl::Status last;
  for (const NodeSocket& node : nodes) {
    absl::StatusOr<std::string> yaml = api.get(node);
    if (yaml.ok()) return yaml;
    last = yaml.status();
  }
  if (last.ok()) return std::string();
  return absl::Status(last.code(), absl::StrCat("no daemon of the lab answers: ", last.message()));
}

std::vector<NodeSocket> sockets_of(const State& state, const Plan& plan) {
  std::vector<NodeSocket> result;
  for (const PlannedNode& node : plan.nodes) {
    if (node.kind == manifest::Node::Kind::kDpu) result.push_back({node.name, state.socket(node.name)});
  }
  return result;
}

absl::Status follow_desired(const State& state, const NodeApi& api) {
  const absl::StatusOr<LabOptions> options = state.options();
  if (!options.ok()) return options.status();
  const absl::StatusOr<Plan> base = current_plan(state, "", options->dhcp);
  if (!base.ok()) return base.status();
  const absl::StatusOr<std::string> desired = desired_state(sockets_of(state, *base), api);
  if (!desired.ok()) return desired.status();
  const absl::StatusOr<Plan> wanted = current_plan(state, *desired, options->dhcp);
  if (!wanted.ok()) return wanted.status();
  if (absl::Status status = state.save_desired(*desired); !status.ok()) return status;
  if (absl::Status status = follow(state, *wanted, api, options->dhcp); !status.ok()) return status;
  return follow_host_sides(state, *wanted, options->daemon);
}

// What outlives the agent is found by its node's folder, and by the namespace it runs in.
void end_processes(const State& state) {
  end_host_sides(state);  // first: they would take over
  const std::string nodes = node_netns(state.lab(), "");
  for (const std::string& netns : namespaces(nodes))
    end_node_processes(netns, state.node_folder(netns.substr(nodes.size())), absl::Seconds(3));
  terminate(state.daemons(), absl::Seconds(3));
}

void sweep(const State& state) {
  end_processes(state);
  unmount_below(state.folder());
  remove_huge_pages(state.huge_pages());
  remove_namespaces(namespaces(prefix(state.lab()))).IgnoreError();
  state.remove();
}

absl::Status make(const State& state, LabOptions options, const NodeApi& api, const Progress& progress) {
  const auto documents = documents_in(options.manifests);
  if (!documents.ok()) return documents.status();
  const std::string topology = topology_of(*documents);
  const absl::StatusOr<Plan> made = plan(options.name, *documents, options.dhcp);
  if (!made.ok()) return made.status();
  if (made->nodes.empty())
    return absl::InvalidArgumentError(absl::StrCat(options.manifests, " declares no Node"));
  std::string why;
  const absl::StatusOr<Mode> mode = settle_mode(state, options, sockets_of(state, *made).size(), why);
  if (!mode.ok()) return mode.status();
  if (!why.empty()) progress(absl::StrCat("solo mode: ", why));
  options.mode = *mode;
  if (absl::Status status = state.save(options, topology); !status.ok()) return status;

  progress(absl::StrCat("fabric and ", made->nodes.size(), " nodes"));
  if (absl::Status status = make_nodes(state, *made); !status.ok()) return status;
  if (absl::Status status = make_host_sides(state, *made); !status.ok()) return status;
  progress("daemons on the DPUs");
  if (absl::Status status = start_daemons(state, *made, options); !status.ok()) return status;
  for (const NodeSocket& node : sockets_of(state, *made)) {
    progress(absl::StrCat("topology to ", node.node));
    if (absl::Status status = apply_when_up(state, node, topology, api); !status.ok()) return status;
  }
  progress(absl::StrCat(made->endpoints.size(), " endpoints"));
  return follow_desired(state, api);
}

absl::Status revive(const State& state, const Plan& plan, const LabOptions& options, const NodeApi& api) {
  if (absl::Status status = start_daemons(state, plan, options); !status.ok()) return status;
  bool alive = false;
  for (const NodeSocket& node : sockets_of(state, plan)) {
    if (state.frozen(node.node)) continue;  // what was to die stays dead until it is thawed
    if (absl::Status status = wait_until_up(state, node, api); !status.ok()) return status;
    alive = true;
  }
  return alive ? follow_desired(state, api) : absl::OkStatus();
}

absl::Status repair(const State& state, const LabOptions& wanted, const NodeApi& api,
                    const Progress& progress) {
  absl::StatusOr<LabOptions> options = state.options();
  if (!options.ok()) return options.status();
  if (!wanted.manifests.empty() && wanted.manifests != options->manifests) {
    return absl::AlreadyExistsError(absl::StrCat("lab \"", state.lab(), "\" exists, made from ",
                                                 options->manifests, ": run lab down first"));
  }
  const absl::StatusOr<Plan> made = current_plan(state, "", options->dhcp);
  if (!made.ok()) return made.status();
  const std::vector<std::string> present = namespaces(prefix(state.lab()));
  for (const PlannedNode& node : made->nodes) {
    if (!std::binary_search(present.begin(), present.end(), node.netns)) {
      return absl::FailedPreconditionError(absl::StrCat("lab \"", state.lab(), "\" has lost namespace ",
                                                        node.netns, ": run lab down, then lab up"));
    }
  }
  progress("the lab exists: putting back what is missing");
  absl::Status status = revive(state, *made, *options, api);
  // A daemon that was just being killed still looked alive.
  if (absl::IsAborted(status)) status = revive(state, *made, *options, api);
  return status;
}

absl::StatusOr<LabOptions> completed(LabOptions options, bool exists) {
  if (absl::Status status = check_name(options.name); !status.ok()) return status;
  if (absl::Status status = check_requirements(options.daemon); !status.ok()) return status;
  std::error_code error;
  if (options.daemon.find('/') != std::string::npos)
    options.daemon = fs::weakly_canonical(options.daemon, error);
  if (exists && options.manifests.empty()) return options;
  const absl::StatusOr<std::string> manifests = find_manifests(options.manifests);
  if (!manifests.ok()) return manifests.status();
  options.manifests = *manifests;
  return options;
}

}  // namespace

absl::Status up(const LabOptions& given, const NodeApi& api, const Progress& progress) {
  const Interrupt interrupt;
  if (absl::Status status = check_name(given.name); !status.ok()) return status;
  const State state(given.name);
  const absl::StatusOr<LabOptions> options = completed(given, state.exists());
  if (!options.ok()) return options.status();
  const absl::StatusOr<Lock> lock = Lock::take(state);
  if (!lock.ok()) return lock.status();
  if (state.exists()) return repair(state, *options, api, progress);
  remove_namespaces(namespaces(prefix(given.name))).IgnoreError();  // of a lab whose state was lost
  const absl::Status status = make(state, *options, api, progress);
  if (!status.ok()) sweep(state);
  return status;
}

absl::Status down(const std::string& name) {
  if (absl::Status status = check_name(name); !status.ok()) return status;
  if (geteuid() != 0) return absl::FailedPreconditionError("lab down needs root: run it with sudo");
  const State state(name);
  const absl::StatusOr<Lock> lock = Lock::take(state);
  if (!lock.ok()) return lock.status();
  sweep(state);
  const std::vector<std::string> left = namespaces(prefix(name));
  if (left.empty()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("namespace ", left.front(), " and ", left.size() - 1, " more could not be removed"));
}

absl::Status sync(const std::string& name, const NodeApi& api) {
  if (absl::Status status = check_name(name); !status.ok()) return status;
  const State state(name);
  if (!state.exists()) return state.options().status();
  const absl::StatusOr<Lock> lock = Lock::take(state);
  if (!lock.ok()) return lock.status();
  return follow_desired(state, api);
}

absl::StatusOr<std::vector<NodeSocket>> sockets(const std::string& name) {
  if (absl::Status status = check_name(name); !status.ok()) return status;
  const State state(name);
  const absl::StatusOr<Plan> made = current_plan(state, "", false);
  if (!made.ok()) return made.status();
  return sockets_of(state, *made);
}

std::vector<std::string> names() {
  std::set<std::string> found;
  for (const std::string& folder : folders_of_labs()) found.insert(folder);
  for (const std::string& netns : namespaces("or-")) {
    if (const auto lab = lab_of(netns)) found.insert(*lab);
  }
  return {found.begin(), found.end()};
}

}  // namespace outrigger::lab
