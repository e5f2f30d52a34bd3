#include "absl/strings/str_cat.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/supervise/supervisor.h"

namespace outrigger::agent {

namespace {

UpgradeOrder engine_order(const RolloutOrder& order) {
  return {order.to,
          order.shadow,
          order.intended,
          order.lose_sessions,
          order.actor,
          order.reason,
          {order.aborted, order.held}};
}

absl::StatusOr<std::string> change(Supervisor& supervisor, const RolloutOrder& order) {
  double blackout_us = 0;
  std::string compared;
  const absl::Status status = supervisor.upgrade(engine_order(order), [&](const UpgradeStep& step) {
    if (step.blackout_us > 0) blackout_us = step.blackout_us;
    if (step.shadow.first_packets + step.shadow.sessions > 0) compared = step.message;
  });
  if (!status.ok()) return status;
  return absl::StrCat(compared.empty() ? "nothing was compared" : compared, "; the swap took ", blackout_us,
                      " us");
}

// The old version mostly stands by still, so that a swap is enough.
absl::Status go_back(Supervisor& supervisor, const std::string& version, const std::string& actor) {
  if (supervisor.active_version() == version) {  // a failover was faster
    supervisor.stay_with(version);
    return absl::OkStatus();
  }
  for (const EngineView& view : supervisor.engines()) {
    if (view.version == version && view.state == "standby") return supervisor.rollback(actor, {});
  }
  UpgradeOrder order;
  order.to = version;
  order.intended = {"all"};
  order.actor = actor;
  order.reason = "back to a good version";
  return supervisor.upgrade(order, {});
}

}  // namespace

Changer changer_of(Supervisor& supervisor) {
  Changer changer;
  changer.group = "engine";
  changer.version = [&supervisor] { return supervisor.active_version(); };
  changer.preflight = [&supervisor](const RolloutOrder& order) {
    return supervisor.preflight(engine_order(order));
  };
  changer.change = [&supervisor](const RolloutOrder& order) { return change(supervisor, order); };
  changer.go_back = [&supervisor](const std::string& version, const std::string& actor) {
    return go_back(supervisor, version, actor);
  };
  return changer;
}

}  // namespace outrigger::agent
