// What must be said beside the figures: nothing here is wrong, and each of it makes them worth less.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scorecard/pairing.h"

namespace outrigger::scorecard {

namespace {

constexpr int64_t kClockStep_us = 1000;
constexpr double kLengthsDiffer = 0.1;

double seconds(const Run& run) {
  double sum = 0;
  for (const measure::Window* window : run.windows) sum += static_cast<double>(window->length_ms) / 1000;
  return sum;
}

double seconds(const std::vector<Run>& runs) {
  double sum = 0;
  for (const Run& run : runs) sum += seconds(run);
  return sum;
}

void about_clock(const Run& run, std::vector<std::string>& limits) {
  size_t steps = 0, first = 0;
  for (size_t i = 0; i < run.measured->windows.size(); ++i) {
    if (std::abs(run.measured->windows[i].clock_step_us) <= kClockStep_us) continue;
    if (steps++ == 0) first = i;
  }
  if (steps == 0) return;
  limits.push_back(absl::StrFormat(
      "%s: the wall clock was stepped in %d windows, first by %+.1f ms in window %d; windows are timed by "
      "the "
      "monotonic clock, so the figures stand, but times of day do not",
      run.file, steps, static_cast<double>(run.measured->windows[first].clock_step_us) / 1000, first + 1));
}

void about_one(const Run& run, std::vector<std::string>& limits) {
  about_clock(run, limits);
  if (const size_t dropped = run.measured->windows.size() - run.windows.size(); dropped > 0)
    limits.push_back(
        absl::StrCat(run.file, ": ", dropped, " windows are left out: shorter than half, or without a CPU"));
  uint64_t sent = 0, known = 0;
  for (const measure::Window& window : run.measured->windows) {
    sent += window.sent;
    known += window.latency.count() + window.failed;
  }
  if (known + sent / 100 < sent)
    limits.push_back(
        absl::StrCat(run.file, ": of ", sent, " requests ", sent - known, " neither answered nor failed"));
}

void about_lengths(const std::vector<Block>& blocks, std::vector<std::string>& limits) {
  for (const Block& block : blocks) {
    const double before = seconds(block.before), after = seconds(block.after);
    if (std::abs(before - after) > kLengthsDiffer * std::max(before, after))
      limits.push_back(
          absl::StrFormat("%s: %.0f s before and %.0f s after; rates and percentiles can be compared, the "
                          "longest of anything cannot",
                          block.name, before, after));
  }
}

void about_boots(const std::vector<Block>& blocks, std::vector<std::string>& limits) {
  for (const Block& block : blocks) {
    const std::string &before = block.before[0].measured->machine.boot_id,
                      &after = block.after[0].measured->machine.boot_id;
    if (before != after)
      limits.push_back(absl::StrCat(block.name,
                                    ": the machine was booted in between; memory, caches and placement of "
                                    "interrupts began anew"));
  }
}

// Positive when the runs after came later in their blocks, which lets a drift look like a change.
double leaning(const std::vector<Block>& blocks) {
  double lean = 0;
  for (const Block& block : blocks) {
    const auto mean = [](const std::vector<Run>& runs) {
      double sum = 0;
      for (const Run& run : runs) sum += run.measured->place.order;
      return sum / static_cast<double>(runs.size());
    };
    lean += mean(block.after) - mean(block.before);
  }
  return lean;
}

void about_design(const std::vector<Block>& blocks, std::vector<std::string>& limits) {
  const bool alone = std::any_of(blocks.begin(), blocks.end(), [](const Block& block) {
    return block.before[0].measured->place.experiment.empty();
  });
  const bool single = std::all_of(blocks.begin(), blocks.end(), [](const Block& block) {
    return block.before.size() < 2 || block.after.size() < 2;
  });
  if (alone)
    limits.emplace_back(
        "before and after are no experiment: whatever else changed between them counts as the change");
  if (!alone && std::abs(leaning(blocks)) > 1e-9)
    limits.emplace_back(
        "the arms do not take turns evenly (ABBA): a drift of the machine counts as the change");
  if (single && blocks.size() < 3)
    limits.emplace_back(
        "one run a side: how much runs of the same thing differ is known from within the runs only, which is "
        "less "
        "than from run to run");
}

void about_placement(const std::vector<Block>& blocks, std::vector<std::string>& limits) {
  for (const Block& block : blocks) {
    const bool known =
        !block.before[0].measured->placement.empty() && !block.after[0].measured->placement.empty();
    if (!known)
      limits.push_back(
          absl::StrCat(block.name, ": where the services run was not noted; no verdict by service"));
    if (known && moved_services(block).empty())
      limits.push_back(absl::StrCat(block.name, ": no service moved: this is A against A"));
  }
}

void about_measuring(const std::vector<Block>& blocks, std::vector<std::string>& limits) {
  double most = 0;
  for (const Block& block : blocks) {
    for (const auto* side : {&block.before, &block.after}) {
      for (const Run& run : *side) {
        double sum = 0;
        for (const measure::Window* window : run.windows) sum += window->own_cpu;
        most = std::max(most, sum / static_cast<double>(std::max<size_t>(run.windows.size(), 1)));
      }
    }
  }
  if (most > 0) limits.push_back(absl::StrFormat("measuring itself took up to %.2f %% of a CPU", 100 * most));
}

}  // namespace

std::vector<std::string> limits_of(const std::vector<Block>& blocks) {
  std::vector<std::string> limits;
  std::set<std::string> notes;
  for (const Block& block : blocks) {
    for (const auto* side : {&block.before, &block.after}) {
      for (const Run& run : *side) {
        about_one(run, limits);
        for (const std::string& note : run.measured->notes) {
          if (notes.insert(note).second) limits.push_back(absl::StrCat(run.measured->label, ": ", note));
        }
      }
    }
  }
  about_design(blocks, limits);
  about_boots(blocks, limits);
  about_lengths(blocks, limits);
  about_placement(blocks, limits);
  about_measuring(blocks, limits);
  return limits;
}

}  // namespace outrigger::scorecard
