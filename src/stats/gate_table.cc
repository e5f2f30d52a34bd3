// How often the gate errs, and how often Mann and Whitney's test would have spoken: prints the table of
// docs/explanation/gate.md.
#include <iostream>

#include "absl/strings/str_format.h"
#include "stats/gate_simulated.h"

namespace {

using namespace outrigger::stats;

struct Row {
  const char* what;
  int runs;
  simulated::Shape after;
  double quantile = 0.99;
};

constexpr size_t kWindows = 60, kEach = 200;  // a minute at 200 requests a second

const Row kRows[] = {
    {"the same (A/A), little data: 10 windows of 50", 10'000, {.windows = 10, .each = 50}},
    {"the same (A/A)", 10'000, {.windows = kWindows, .each = kEach}},
    {"the same (A/A), windows like their neighbours",
     10'000,
     {.windows = kWindows, .each = kEach, .drift = 0.02}},
    {"all 3 % slower", 2'000, {.factor = 1.03, .windows = kWindows, .each = kEach}},
    {"all 10 % slower", 2'000, {.factor = 1.10, .windows = kWindows, .each = kEach}},
    {"all 10 % slower, windows like their neighbours",
     2'000,
     {.factor = 1.10, .windows = kWindows, .each = kEach, .drift = 0.02}},
    {"the slowest hundredth 30 % slower, asked at p99",
     2'000,
     {.tail = 1.3, .windows = kWindows, .each = kEach}},
    {"the slowest hundredth 30 % slower, asked at p99.9",
     2'000,
     {.tail = 1.3, .windows = kWindows, .each = kEach},
     0.999},
    {"all 10 % faster", 2'000, {.factor = 0.9, .windows = kWindows, .each = kEach}},
};

}  // namespace

int main() {
  std::cout << "| after the change | runs | promoted | held | rolled back | Mann-Whitney p < 0.05 |\n"
               "|---|--:|--:|--:|--:|--:|\n";
  for (const Row& row : kRows) {
    GateSettings settings;
    settings.quantile = row.quantile;
    settings.resampling.rounds = 200;
    const auto tally = simulated::simulate(row.runs, row.after, settings);
    const auto share = [&row](int count) { return 100.0 * count / row.runs; };
    std::cout << absl::StrFormat("| %s | %d | %.1f %% | %.1f %% | %.2f %% | %.1f %% |\n", row.what, row.runs,
                                 share(tally.promoted), share(tally.held), share(tally.back),
                                 share(tally.flagged))
              << std::flush;
  }
}
