#include "dpu/rollout/analyse.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger::agent {

namespace {

using stats::Counts;
using stats::CountSeries;

std::vector<stats::Sketch> groups_of(const std::vector<HostWindow>& windows) {
  const size_t each = std::max<size_t>(1, (windows.size() + kMostGroups - 1) / kMostGroups);
  std::vector<stats::Sketch> groups;
  for (size_t i = 0; i < windows.size(); ++i) {
    if (i % each == 0) groups.emplace_back();
    groups.back().merge(windows[i].latency);
  }
  return groups;
}

struct Part {
  uint64_t bad = 0;
  double exposure = 0;
};

// Each step has one of `before` and as many of `after` as there will be for each of it once all are there:
// known beforehand, so that looking early changes nothing.
std::vector<Counts> steps_of(const std::vector<Part>& before, const std::vector<Part>& after,
                             size_t planned) {
  if (before.empty()) return {};
  const size_t each = std::max<size_t>(1, (planned + before.size() - 1) / before.size());
  std::vector<Counts> steps;
  for (size_t i = 0; i < before.size() && (i + 1) * each <= after.size(); ++i) {
    Counts step{before[i].bad, 0, before[i].exposure, 0};
    for (size_t j = i * each; j < (i + 1) * each; ++j) {
      step.bad_after += after[j].bad;
      step.exposure_after += after[j].exposure;
    }
    steps.push_back(step);
  }
  return steps;
}

std::vector<Part> requests_of(const Measured& measured) {
  std::vector<Part> parts;
  for (const HostWindow& one : measured.windows)
    parts.push_back({std::min(one.failed, one.sent), static_cast<double>(one.sent)});
  return parts;
}

std::vector<Part> seconds_of(const Measured& measured, bool NodeSecond::*what) {
  std::vector<Part> parts;
  for (const NodeSecond& one : measured.seconds) parts.push_back({one.*what ? 1u : 0u, 1});
  return parts;
}

// How many windows the planned time has, by the length of those that are there.
size_t windows_in(absl::Duration planned, const Measured& after) {
  absl::Duration length = absl::Seconds(1);
  if (!after.windows.empty()) length = std::max(after.windows[0].length, absl::Milliseconds(100));
  return static_cast<size_t>(planned / length);
}

std::vector<CountSeries> counts_of(const Measured& before, const Measured& after, absl::Duration planned) {
  const auto seconds = static_cast<size_t>(planned / absl::Seconds(1));
  const auto of = [&](bool NodeSecond::*what) {
    return steps_of(seconds_of(before, what), seconds_of(after, what), seconds);
  };
  return {{"failed requests", steps_of(requests_of(before), requests_of(after), windows_in(planned, after))},
          {"seconds with drops", of(&NodeSecond::dropped)},
          {"seconds with incidents", of(&NodeSecond::incident)}};
}

std::string side_text(const Measured& measured) {
  uint64_t sent = 0, failed = 0, answered = 0;
  size_t drops = 0, incidents = 0;
  for (const HostWindow& one : measured.windows) {
    sent += one.sent;
    failed += one.failed;
    answered += one.latency.count();
  }
  for (const NodeSecond& one : measured.seconds) {
    drops += one.dropped;
    incidents += one.incident;
  }
  return absl::StrFormat(
      "%d windows, n %d, %d of %d requests failed, %d of %d seconds with drops, %d with incidents",
      measured.windows.size(), answered, failed, sent, drops, measured.seconds.size(), incidents);
}

}  // namespace

Judgement judge_change(const Measured& before, const Measured& after, double margin, absl::Duration planned) {
  const std::vector<stats::Pair> pairs = {{groups_of(before.windows), groups_of(after.windows)}};
  stats::GateSettings settings;
  settings.margin = std::log1p(margin);
  settings.resampling.rounds = kRounds;
  const stats::GateAnswer answer = stats::judge(pairs, counts_of(before, after, planned), settings);
  Judgement out{answer.gate, answer.reason, ""};
  if (answer.gate == stats::Gate::kHold)
    out.reason = absl::StrCat(answer.change ? "inconclusive: " : "no data: ", answer.reason);
  out.evidence =
      absl::StrFormat("before: %s; after: %s; margin %.3g %%, e-value of the counts %.3g of %g",
                      side_text(before), side_text(after), 100 * margin, answer.e_value, 1 / settings.alpha);
  if (answer.change && answer.gate == stats::Gate::kRollBack && answer.e_value >= 1 / settings.alpha)
    absl::StrAppendFormat(&out.evidence, "; p99 changed by %+.1f %%",
                          100 * std::expm1(answer.change->estimate));
  return out;
}

bool counts_speak(const Measured& before, const Measured& after, absl::Duration planned) {
  const std::vector<CountSeries> counts = counts_of(before, after, planned);
  double sum = 0;
  for (const CountSeries& one : counts) sum += stats::e_value(one.steps);
  return sum / static_cast<double>(counts.size()) >= 1 / stats::GateSettings().alpha;
}

}  // namespace outrigger::agent
