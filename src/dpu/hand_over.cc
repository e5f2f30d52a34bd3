#include "dpu/hand_over.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

class HandOver {
 public:
  HandOver(Changer on_dpu, Desk& desk, Patience patience)
      : on_dpu_(std::move(on_dpu)), desk_(desk), patience_(std::move(patience)) {}

  [[nodiscard]] bool host_carries() const { return desk_.state().yielded(); }

  [[nodiscard]] std::string version() const { return host_carries() ? kByHost : on_dpu_.version(); }

  [[nodiscard]] absl::Status preflight(const RolloutOrder& order) const {
    if (order.to == kByHost)
      return absl::InvalidArgumentError(
          "the host takes over by order, not by a rollout: `outrigger fallback order`");
    if (!host_carries()) return on_dpu_.preflight(order);
    if (const std::string ready = on_dpu_.version(); order.to != ready)
      return absl::FailedPreconditionError(
          absl::StrCat("the host carries the traffic, and ", ready, " stands ready on the DPU, not ",
                       order.to, ": hand over to ", ready, " first, then change the version"));
    return desk_.order_return(order.actor, {.check_only = true});
  }

  absl::StatusOr<std::string> change(const RolloutOrder& order) {
    if (!host_carries()) return on_dpu_.change(order);
    if (absl::Status status = wait_for_word(order); !status.ok()) return status;
    const absl::Time began = patience_.clock();
    if (absl::Status status = desk_.order_return(order.actor); !status.ok()) return status;
    if (absl::Status status = await_state(desk_, "dormant", patience_); !status.ok()) {
      (void)desk_.order_fall_back(order.actor);
      return status;
    }
    return absl::StrCat("the host gave the traffic to ", order.to, " within ",
                        absl::FormatDuration(absl::Trunc(patience_.clock() - began, absl::Milliseconds(1))));
  }

  absl::Status go_back(const std::string& version, const std::string& actor) {
    if (version != kByHost) return on_dpu_.go_back(version, actor);
    if (host_carries()) return absl::OkStatus();  // a failure was faster
    if (absl::Status status = desk_.order_fall_back(actor); !status.ok()) return status;
    return await_state(desk_, "active", patience_);
  }

 private:
  // Nothing is put in force while the rollout is paused.
  [[nodiscard]] absl::Status wait_for_word(const RolloutOrder& order) const {
    for (;;) {
      if (order.aborted && order.aborted()) return absl::CancelledError("aborted: the host still carries");
      if (!order.held || !order.held()) return absl::OkStatus();
      pause(patience_);
    }
  }

  const Changer on_dpu_;
  Desk& desk_;
  const Patience patience_;
};

}  // namespace

Changer handed_over(Changer on_dpu, Desk& desk, Patience patience) {
  const std::string group = on_dpu.group;
  const auto made = std::make_shared<HandOver>(std::move(on_dpu), desk, std::move(patience));
  return {
      group, [made] { return made->version(); },
      [made](const RolloutOrder& order) { return made->preflight(order); },
      [made](const RolloutOrder& order) { return made->change(order); },
      [made](const std::string& version, const std::string& actor) { return made->go_back(version, actor); }};
}

}  // namespace outrigger::agent
