#include "scenario/experiment.h"

#include "absl/strings/str_cat.h"
#include "scenario/left_on_host.h"
#include "scenario/steering.h"

namespace outrigger::scenario {
namespace {

uint64_t answered(const measure::Measurement& measured) {
  uint64_t count = 0;
  for (const measure::Window& window : measured.windows) count += window.latency.count();
  return count;
}

}  // namespace

Experiment::Experiment(Setting setting, const Api& api, lab::NodeSocket node)
    : setting_(std::move(setting)),
      switch_(setting_.lab, setting_.world, api, std::move(node)),
      application_(setting_.folder) {}

absl::Status Experiment::begin() {
  if (absl::Status status = switch_.wait_until_ready(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Beside>> beside =
      Beside::make({setting_.lab, setting_.folder, setting_.options.agent_every}, setting_.world);
  if (!beside.ok()) return beside.status();
  beside_ = *std::move(beside);
  return start_application(application_, setting_.what, setting_.lab, setting_.world, setting_.folder);
}

std::vector<lab::ProcessId> Experiment::beside_the_dpu(Arm arm) const {
  std::vector<lab::ProcessId> all;
  if (arm == Arm::kHost) return all;
  for (const Running& one : beside_->programs().running()) all.push_back(one.id);
  return all;
}

// An arm that the other way carried would make a fine figure of nothing.
absl::Status Experiment::check_way(Arm arm, uint64_t packets, const measure::Measurement& measured) const {
  const uint64_t requests = answered(measured);
  if (requests == 0) {
    return absl::UnavailableError(absl::StrCat("no request was answered in an arm \"", std::string(name(arm)),
                                               "\": see the logs in ", setting_.folder));
  }
  const bool by_host = packets >= requests, idle = packets < requests / 100 + 10;
  if (arm == Arm::kHost ? by_host : idle) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("in an arm \"", std::string(name(arm)),
                                          "\" the host's kernel path carried ", packets, " packets for ",
                                          requests, " requests"));
}

absl::StatusOr<measure::Measurement> Experiment::measured(const Turn& turn) {
  if (absl::Status status = switch_.to(turn.arm); !status.ok()) return status;
  if (absl::Status status = steer(setting_.lab, setting_.world); !status.ok()) return status;
  if (absl::Status status = beside_->start(turn.arm); !status.ok()) return status;
  const auto load = Load::begin(setting_.what, setting_.lab, setting_.world, setting_.folder);
  if (!load.ok()) return load.status();
  if (absl::Status status = pause(setting_.options.settle); !status.ok()) return status;
  const absl::StatusOr<uint64_t> before = switch_.carried_by_host();
  if (!before.ok()) return before.status();
  const DpuCost cost(setting_.lab, kServedNode, beside_the_dpu(turn.arm));
  absl::StatusOr<measure::Measurement> measured = measure_turn(setting_);
  if (!measured.ok()) return measured;
  measured->cost = cost.so_far();
  const absl::StatusOr<uint64_t> after = switch_.carried_by_host();
  if (!after.ok()) return after.status();
  for (const absl::Status& status : {beside_->programs().check(), (*load)->check(), application_.check(),
                                     check_way(turn.arm, *after - *before, *measured)}) {
    if (!status.ok()) return status;
  }
  auto left = left_on_host(setting_.lab, setting_.world, beside_->programs().running());
  if (!left.ok()) return left.status();
  measured->privileged = *std::move(left);
  return measured;
}

absl::StatusOr<std::string> Experiment::take(const Turn& turn) {
  absl::StatusOr<measure::Measurement> measured = this->measured(turn);
  beside_->end();
  if (!measured.ok()) return measured.status();
  label(setting_, turn, beside_->rule_lines(), *measured);
  const std::string file = absl::StrCat(measurements_of(setting_.options), "/block-", turn.block, "-",
                                        turn.order, "-", std::string(name(turn.arm)), ".jsonl");
  if (absl::Status status = measure::write(*measured, file); !status.ok()) return status;
  return file;
}

}  // namespace outrigger::scenario
