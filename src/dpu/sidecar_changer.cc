// A rollout of an agent beside the engine: two of its versions cannot run at once, for they would want the
// same ports, so there is no shadow; the old one ends and the new one begins.
#include <chrono>
#include <thread>

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/sidecar/sidecars.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);  // until its process runs: the old one has its grace
constexpr auto kPoll = std::chrono::milliseconds(50);

absl::Status preflight(const Sidecars& sidecars, const RolloutOrder& order) {
  if (order.shadow > absl::ZeroDuration())
    return absl::InvalidArgumentError(
        absl::StrCat("no shadow for ", order.service,
                     ": two versions of an agent cannot run at once; leave --shadow out"));
  const auto info = sidecars.find(order.service, order.to);
  if (!info.ok()) return info.status();
  if (access(info->program.c_str(), X_OK) != 0)
    return absl::FailedPreconditionError(
        absl::StrCat("version ", order.to, " runs ", info->program, ", which is no program here"));
  return absl::OkStatus();
}

// Not to be interrupted: what is under way when the agent ends is then in force, or not, and the next agent
// sees which.
absl::Status wait_until_it_runs(const Sidecars& sidecars, const RolloutOrder& order) {
  const absl::Time deadline = steady_time() + kPatience;
  for (;;) {
    const auto view = sidecars.view(order.service);
    if (!view.ok()) return view.status();
    if (view->state == "running" && view->runs == order.to) return absl::OkStatus();
    if (view->state == "waiting")
      return absl::FailedPreconditionError(
          absl::StrCat("version ", order.to, " does not start: ", view->why));
    if (steady_time() > deadline)
      return absl::DeadlineExceededError(
          absl::StrCat("version ", order.to, " does not run within ", absl::FormatDuration(kPatience)));
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

Changer changer_of(Sidecars& sidecars, const std::string& service, VersionRunsFn runs) {
  const auto use = [&sidecars, service, runs](const std::string& version) {
    const absl::Status status = sidecars.use_version(service, version);
    if (status.ok() && runs) runs(service, version);
    return status;
  };
  Changer changer;
  changer.group = absl::StrCat("sidecar/", service);
  changer.version = [&sidecars, service] {
    const auto view = sidecars.view(service);
    return view.ok() ? view->version : std::string();
  };
  changer.preflight = [&sidecars](const RolloutOrder& order) { return preflight(sidecars, order); };
  changer.change = [&sidecars, use, runs,
                    from = changer.version](const RolloutOrder& order) -> absl::StatusOr<std::string> {
    const std::string before = from();
    while (order.held && order.held() && !(order.aborted && order.aborted()))
      std::this_thread::sleep_for(kPoll);
    if (order.aborted && order.aborted()) return absl::CancelledError("aborted by word");
    absl::Status status = use(order.to);
    if (status.ok()) status = wait_until_it_runs(sidecars, order);
    if (status.ok() && runs)
      runs(order.service, order.to);  // what failed while the old one ended does not count
    if (status.ok())
      return absl::StrCat("no shadow: two versions of an agent cannot run at once; ", order.to, " runs");
    if (absl::Status back = use(before); !back.ok())
      return absl::Status(status.code(),
                          absl::StrCat(std::string(status.message()), "; and ", before,
                                       " could not be brought back: ", std::string(back.message())));
    return status;
  };
  changer.go_back = [use](const std::string& version, const std::string&) { return use(version); };
  return changer;
}

}  // namespace outrigger::agent
