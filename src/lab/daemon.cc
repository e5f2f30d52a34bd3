#include "lab/daemon.h"

#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lab/cabling.h"
#include "lab/host_side.h"
#include "lab/interrupt.h"
#include "lab/netns.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr size_t kLogShown = 2000;

std::string end_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  return text.size() <= kLogShown ? text : text.substr(text.size() - kLogShown);
}

std::vector<std::string> mode_arguments(const std::string& folder, Mode mode) {
  if (mode == Mode::kSplit) return {"--mode", "split", "--runtime", folder + "/run"};
  // What a killed daemon held in huge pages would stay behind in files.
  return {"--mode", "solo", "--huge-pages", "off"};
}

absl::Status start_daemon(const State& state, const PlannedNode& node, const LabOptions& options) {
  const std::string folder = state.node_folder(node.name), socket = state.socket(node.name);
  if (socket.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("node ", node.name, ": name too long for a socket in ", folder));
  }
  std::error_code error;
  fs::create_directories(folder, error);
  // Not `ip netns exec`: it would give the daemon mounts of its own, which its successor could not see.
  std::vector<std::string> argv = {"nsenter", absl::StrCat("--net=/run/netns/", node.netns), options.daemon};
  argv.insert(argv.end(), {"--node", node.name, "--state", folder + "/state", "--socket", socket});
  argv.insert(argv.end(), {"--uplink-device", kUplinkDevice, "--endpoint-device", kEndpointDevices});
  for (std::string& argument : mode_arguments(folder, options.mode)) argv.push_back(std::move(argument));
  for (std::string& argument : link_arguments(state, node)) argv.push_back(std::move(argument));
  argv.insert(argv.end(), options.daemon_arguments.begin(), options.daemon_arguments.end());
  // DPDK keeps its run-time files below this folder: they go when the lab goes.
  const auto id = start(argv, {absl::StrCat("RUNTIME_DIRECTORY=", folder)}, state.log(node.name), Side::kDpu);
  return id.ok() ? state.save_daemon(node.name, *id) : id.status();
}

// Calls `attempt` until it is anything but Unavailable.
absl::Status insist(const State& state, const NodeSocket& node,
                    const std::function<absl::Status()>& attempt) {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  for (;;) {
    absl::Status status = attempt();
    if (!absl::IsUnavailable(status)) return status;
    if (absl::Status stop = Interrupt::check(); !stop.ok()) return stop;
    if (absl::Status dead = check_daemon(state, node.node); !dead.ok()) return dead;
    if (absl::Now() > deadline) return status;
    absl::SleepFor(absl::Milliseconds(50));
  }
}

}  // namespace

absl::Status start_daemons(const State& state, const Plan& plan, const LabOptions& options) {
  for (const PlannedNode& node : plan.nodes) {
    if (absl::Status status = Interrupt::check(); !status.ok()) return status;
    if (node.kind != manifest::Node::Kind::kDpu || state.daemon(node.name) || state.frozen(node.name))
      continue;
    if (absl::Status status = start_daemon(state, node, options); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status check_daemon(const State& state, const std::string& node) {
  if (state.daemon(node)) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("node ", node, ": outriggerd has ended; its last words:\n", end_of(state.log(node))));
}

absl::Status wait_until_up(const State& state, const NodeSocket& node, const NodeApi& api) {
  return insist(state, node, [&] { return api.get(node).status(); });
}

absl::Status apply_when_up(const State& state, const NodeSocket& node, const std::string& yaml,
                           const NodeApi& api) {
  return insist(state, node, [&] { return api.apply(node, yaml); });
}

}  // namespace outrigger::lab
