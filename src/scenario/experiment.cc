#include "scenario/experiment.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
      api_(api),
      node_(std::move(node)),
      switch_(setting_.lab, setting_.world, api, node_),
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

absl::StatusOr<std::unique_ptr<Load>> Experiment::enter(Arm arm) {
  if (absl::Status status = switch_.to(arm); !status.ok()) return status;
  if (absl::Status status = steer(setting_.lab, setting_.world); !status.ok()) return status;
  if (absl::Status status = beside_->start(arm); !status.ok()) return status;
  auto load = Load::begin(setting_.what, setting_.lab, setting_.world, setting_.folder);
  if (!load.ok()) return load;
  if (absl::Status status = pause(setting_.options.settle); !status.ok()) return status;
  return load;
}

absl::StatusOr<std::string> Experiment::audit(Arm arm) {
  const std::string in_arm(name(arm));
  if (absl::Status status = switch_.to(arm); !status.ok()) return status;
  auto tests =
      api_.audit(setting_.lab, node_.node, absl::StrCat(setting_.folder, "/audit-", in_arm, ".json"));
  if (!tests.ok())
    return absl::Status(tests.status().code(), absl::StrCat("the audit in the arm \"", in_arm,
                                                            "\": ", std::string(tests.status().message()),
                                                            " (--no-audit leaves it off)"));
  // It may have shut out, in passing, what the turns rely on.
  if (absl::Status status = switch_.wait_until_ready(); !status.ok()) return status;
  const auto held = std::count_if(tests->begin(), tests->end(), [](const auto& one) { return one.held; });
  const size_t tried = tests->size();
  boundary_[arm] = *std::move(tests);
  return absl::StrCat("boundary, ", in_arm, ": ", held, " of ", tried, " tests held");
}

absl::StatusOr<measure::Measurement> Experiment::measured(const Turn& turn) {
  const auto load = enter(turn.arm);
  if (!load.ok()) return load.status();
  const absl::StatusOr<uint64_t> before = switch_.carried_by_host();
  if (!before.ok()) return before.status();
  const absl::StatusOr<measure::Since> since = api_.watch(node_);
  if (!since.ok()) return since.status();
  const DpuCost cost(setting_.lab, kServedNode, beside_the_dpu(turn.arm));
  absl::StatusOr<measure::Measurement> measured = measure_turn(setting_);
  if (!measured.ok()) return measured;
  measured->cost = cost.so_far();
  absl::StatusOr<measure::Happened> happened = (*since)();
  if (!happened.ok()) return happened.status();
  const absl::StatusOr<uint64_t> after = switch_.carried_by_host();
  if (!after.ok()) return after.status();
  for (const absl::Status& status : {beside_->programs().check(), (*load)->check(), application_.check(),
                                     check_way(turn.arm, *after - *before, *measured)}) {
    if (!status.ok()) return status;
  }
  auto left = left_on_host(setting_.lab, setting_.world, beside_->programs().running());
  if (!left.ok()) return left.status();
  measured->privileged = *std::move(left);
  label(setting_, turn, beside_->rule_lines(), *measured);
  measure::add(*std::move(happened), *measured);
  if (const auto tried = boundary_.find(turn.arm); tried != boundary_.end()) {
    measured->boundary = tried->second;
    measured->notes.emplace_back(
        "the boundary was tried once in each arm, before the turns, without what kills or floods");
  }
  return measured;
}

absl::StatusOr<measure::Measurement> Experiment::take(const Turn& turn) {
  absl::StatusOr<measure::Measurement> measured = this->measured(turn);
  beside_->end();
  return measured;
}

absl::StatusOr<measure::Happened> Experiment::changed() {
  const auto load = enter(Arm::kDpu);
  if (!load.ok()) return load.status();
  absl::StatusOr<Api::Change> change = absl::InternalError("not made");
  const absl::StatusOr<measure::Answered> answered =
      ask_while(setting_, [&] { change = api_.change(node_); });
  for (const absl::Status& status :
       {change.status(), answered.status(), (*load)->check(), application_.check()})
    if (!status.ok()) return status;
  const double slowest_ms = static_cast<double>(answered->latency.max()) / 1e6;
  measure::Happened happened{.blackout_ms = change->blackout_ms};
  std::string by = "by the word of the ports process";
  if (change->at_most) by = "at most: from the order to the host's word";
  if (change->at_most && answered->failed == 0) {
    happened.blackout_ms = {slowest_ms};  // packets did not stand still for longer than an answer took
    by = "at most: as long as the slowest answer took";
  }
  happened.notes.push_back(
      absl::StrFormat("blackout: of one %s after the last turn, %s; the same requests were made meanwhile: "
                      "of %u %u failed, and the slowest answer took %.1f ms",
                      change->what, by, answered->sent, answered->failed, slowest_ms));
  return happened;
}

absl::StatusOr<std::string> Experiment::change(const std::string& file) {
  absl::StatusOr<measure::Happened> happened = changed();
  beside_->end();
  if (absl::IsCancelled(happened.status())) return happened.status();
  absl::StatusOr<measure::Measurement> last = measure::read(file);
  if (!last.ok()) return last.status();
  if (!happened.ok())
    happened = measure::Happened{.notes = {absl::StrCat("blackout of a change: not known: ",
                                                        std::string(happened.status().message()))}};
  const std::string in_short = happened->notes.front();
  measure::add(*std::move(happened), *last);
  if (absl::Status status = measure::write(*last, file); !status.ok()) return status;
  return in_short;
}

}  // namespace outrigger::scenario
