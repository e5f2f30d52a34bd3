#include "scenario/arm.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lab/interrupt.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/process.h"

namespace outrigger::scenario {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(90);
constexpr absl::Duration kLook = absl::Milliseconds(200);

// Asks until it is so; what it said last when it never is.
absl::Status until(const std::string& what, const std::function<absl::StatusOr<bool>()>& is_so) {
  const absl::Time deadline = absl::Now() + kPatience;
  std::string last;
  for (;;) {
    const absl::StatusOr<bool> answer = is_so();
    if (answer.ok() && *answer) return absl::OkStatus();
    if (!answer.ok()) last = std::string(answer.status().message());
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(what, ": not within ", absl::FormatDuration(kPatience),
                                                      last.empty() ? "" : ": ", last));
    }
    if (absl::Status status = pause(kLook); !status.ok()) return status;
  }
}

uint64_t packets_of(const std::string& link_json) {
  const auto links = nlohmann::json::parse(link_json, nullptr, false);
  if (!links.is_array() || links.empty()) return 0;
  const auto stats = links[0].value("stats64", nlohmann::json::object());
  uint64_t packets = 0;
  for (const char* way : {"rx", "tx"})
    packets += stats.value(way, nlohmann::json::object()).value("packets", uint64_t{0});
  return packets;
}

}  // namespace

std::string_view name(Arm arm) { return arm == Arm::kHost ? "host" : "dpu"; }

std::string path_netns(const std::string& lab, uint32_t vni) {
  return absl::StrCat(lab::prefix(lab), "fb.", kServedNode, ".", vni);
}

absl::Status pause(absl::Duration length) {
  const absl::Time end = absl::Now() + length;
  while (absl::Now() < end) {
    if (absl::Status status = lab::Interrupt::check(); !status.ok()) return status;
    absl::SleepFor(std::min(absl::Milliseconds(50), end - absl::Now()));
  }
  return lab::Interrupt::check();
}

// Lines of the rules that the host's path has; each rule of a policy is one at least.
absl::StatusOr<uint64_t> Switch::lines_in_force() const {
  uint64_t lines = 0;
  for (const uint32_t vni : world_.vnis) {
    const auto rules = lab::run({"nsenter", absl::StrCat("--net=/run/netns/", path_netns(lab_, vni)), "nft",
                                 "--stateless", "list", "ruleset"});
    if (!rules.ok()) return rules.status();
    lines += static_cast<uint64_t>(std::count(rules->begin(), rules->end(), '\n'));
  }
  return lines;
}

absl::Status Switch::wait_until_ready() const {
  return until("the host is not ready to carry its own traffic", [&]() -> absl::StatusOr<bool> {
    const auto path = api_.host_path(node_);
    if (!path.ok()) return path.status();
    if (!path->ready) return absl::UnavailableError(path->trouble);
    const absl::StatusOr<uint64_t> lines = lines_in_force();
    if (!lines.ok()) return lines.status();
    if (*lines >= world_.rules) return true;
    return absl::UnavailableError(absl::StrCat("it has ", *lines, " lines of rules for ", world_.rules));
  });
}

absl::Status Switch::wait_for_state(const std::string& state) const {
  return until(absl::StrCat("the host's path is to be ", state), [&]() -> absl::StatusOr<bool> {
    const auto path = api_.host_path(node_);
    if (!path.ok()) return path.status();
    if (path->state == state) return true;
    return absl::UnavailableError(absl::StrCat("it is ", path->state, " ", path->trouble));
  });
}

// A fabric with a control plane tells peers where an endpoint is; ours has none for kernels.
absl::Status Switch::point_peer_at(Arm arm) const {
  std::string entries;
  for (const Guest& one : world_.guests) {
    if (!one.served) continue;
    absl::StrAppend(&entries, "fdb replace ", one.mac, " dev vx", one.vni, " dst ",
                    arm == Arm::kHost ? kHostTunnel : kDpuTunnel, " self dynamic\n");
  }
  if (absl::Status status = lab::bridge_batch(lab::node_netns(lab_, kPeerNode), entries); !status.ok())
    return status;
  for (const Guest& from : world_.guests) {
    if (from.served) continue;
    std::string neighbours;
    for (const Guest& to : world_.guests) {
      if (to.served && to.vni == from.vni)
        absl::StrAppend(&neighbours, "neigh replace ", to.address, " lladdr ", to.mac,
                        " nud permanent dev eth0\n");
    }
    absl::Status status = lab::ip_batch(lab::endpoint_netns(lab_, from.endpoint), neighbours);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The policies let nobody ping it, so it asks its gateway, which is on the path: with its answer everybody on
// the way has learnt where it is.
absl::Status Switch::wait_for_answer() const {
  const Guest& server = world_.guests.front();
  const std::string netns = lab::endpoint_netns(lab_, server.endpoint);
  return until(absl::StrCat(server.endpoint, " does not reach its gateway"), [&]() -> absl::StatusOr<bool> {
    const auto done = lab::run({"nsenter", absl::StrCat("--net=/run/netns/", netns), "ping", "-n", "-c", "1",
                                "-W", "1", "10.1.0.1"});
    return done.ok() ? absl::StatusOr<bool>(true) : done.status();
  });
}

absl::Status Switch::to(Arm arm) const {
  const bool host = arm == Arm::kHost;
  const std::string wanted = host ? "active" : "dormant";
  const auto now = api_.host_path(node_);
  if (!now.ok()) return now.status();
  if (now->state != wanted) {
    if (absl::Status status = api_.order(node_, host ? "fall_back" : "return"); !status.ok()) return status;
    if (absl::Status status = wait_for_state(wanted); !status.ok()) return status;
  }
  if (absl::Status status = point_peer_at(arm); !status.ok()) return status;
  return wait_for_answer();
}

absl::StatusOr<uint64_t> Switch::carried_by_host() const {
  uint64_t packets = 0;
  for (const uint32_t vni : world_.vnis) {
    const auto shown = lab::run(
        {"ip", "-n", path_netns(lab_, vni), "-s", "-j", "link", "show", "dev", absl::StrCat("vx", vni)});
    if (!shown.ok()) return shown.status();
    packets += packets_of(*shown);
  }
  return packets;
}

}  // namespace outrigger::scenario
