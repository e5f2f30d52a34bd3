#include "dpu/rollout/machine.h"

#include <array>

namespace outrigger::agent {

namespace {

constexpr std::array<std::string_view, 10> kNames = {"planned", "preflight", "shadow",      "settle",
                                                     "analyse", "complete",  "rolled_back", "fallback",
                                                     "hold",    "aborted"};

struct Row {
  Stage from;
  Happening happening;
  Stage to;
};

constexpr std::array kRows = {
    Row{Stage::kPlanned, Happening::kBegin, Stage::kPreflight},
    Row{Stage::kPlanned, Happening::kAbort, Stage::kAborted},
    Row{Stage::kPreflight, Happening::kPassed, Stage::kShadow},
    Row{Stage::kPreflight, Happening::kFailed, Stage::kAborted},
    Row{Stage::kPreflight, Happening::kAbort, Stage::kAborted},
    Row{Stage::kShadow, Happening::kPassed, Stage::kSettle},
    Row{Stage::kShadow, Happening::kFailed, Stage::kRolledBack},
    Row{Stage::kShadow, Happening::kAbort, Stage::kRolledBack},
    Row{Stage::kShadow, Happening::kStuck, Stage::kFallback},
    Row{Stage::kSettle, Happening::kPassed, Stage::kComplete},
    Row{Stage::kSettle, Happening::kFailed, Stage::kRolledBack},
    Row{Stage::kSettle, Happening::kNoData, Stage::kHold},
    Row{Stage::kSettle, Happening::kPromote, Stage::kComplete},
    Row{Stage::kSettle, Happening::kAbort, Stage::kRolledBack},
    Row{Stage::kSettle, Happening::kUndo, Stage::kRolledBack},
    Row{Stage::kSettle, Happening::kStuck, Stage::kFallback},
    Row{Stage::kSettle, Happening::kSettled, Stage::kAnalyse},
    Row{Stage::kAnalyse, Happening::kPassed, Stage::kComplete},
    Row{Stage::kAnalyse, Happening::kFailed, Stage::kRolledBack},
    Row{Stage::kAnalyse, Happening::kNoData, Stage::kHold},
    Row{Stage::kAnalyse, Happening::kPromote, Stage::kComplete},
    Row{Stage::kAnalyse, Happening::kAbort, Stage::kRolledBack},
    Row{Stage::kAnalyse, Happening::kUndo, Stage::kRolledBack},
    Row{Stage::kAnalyse, Happening::kStuck, Stage::kFallback},
    Row{Stage::kHold, Happening::kData, Stage::kSettle},
    Row{Stage::kHold, Happening::kFailed, Stage::kRolledBack},
    Row{Stage::kHold, Happening::kPromote, Stage::kComplete},
    Row{Stage::kHold, Happening::kAbort, Stage::kRolledBack},
    Row{Stage::kHold, Happening::kUndo, Stage::kRolledBack},
    Row{Stage::kHold, Happening::kStuck, Stage::kFallback},
    Row{Stage::kComplete, Happening::kUndo, Stage::kRolledBack},
};

}  // namespace

std::string_view name(Stage stage) { return kNames[static_cast<size_t>(stage)]; }

std::optional<Stage> stage_from(std::string_view text) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == text) return static_cast<Stage>(i);
  }
  return std::nullopt;
}

std::optional<Stage> next(Stage stage, Happening happening) {
  for (const Row& row : kRows) {
    if (row.from == stage && row.happening == happening) return row.to;
  }
  return std::nullopt;
}

bool ended(Stage stage) {
  return stage == Stage::kComplete || stage == Stage::kRolledBack || stage == Stage::kFallback ||
         stage == Stage::kAborted;
}

bool in_force(Stage stage) {
  return stage == Stage::kSettle || stage == Stage::kAnalyse || stage == Stage::kHold ||
         stage == Stage::kComplete;
}

}  // namespace outrigger::agent
