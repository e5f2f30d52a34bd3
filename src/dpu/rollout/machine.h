// A rollout's states and what leads from one to another, and nothing else: no time, no threads, no engines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::agent {

enum class Stage : uint8_t {
  kPlanned,
  kPreflight,
  kShadow,   // brought up beside the old one, compared, then in its place
  kSettle,   // in force, watched
  kAnalyse,  // what the host measured before it against what it measures now
  kComplete,
  kRolledBack,
  kFallback,  // the way back failed too: the service's contract takes over
  kHold,      // in force, but nothing is known about its health, or the gate cannot say
  kAborted,   // nothing was changed
};

enum class Happening : uint8_t {
  kBegin,
  kPassed,   // what the stage does has gone well
  kSettled,  // it has, and a gate is asked before the end
  kFailed,   // it has not, or health left ready
  kNoData,   // nobody can say
  kData,     // somebody can again
  kStuck,    // the old version could not be brought back
  kPromote,  // by word: enough seen
  kAbort,    // by word
  kUndo,     // by word, afterwards
};

std::string_view name(Stage stage);  // "planned", "rolled_back", ...
std::optional<Stage> stage_from(std::string_view name);
// Nothing when that cannot happen there.
std::optional<Stage> next(Stage stage, Happening happening);
bool ended(Stage stage);
// The new version is in force there, so leaving it for kRolledBack means bringing the old one back.
bool in_force(Stage stage);

}  // namespace outrigger::agent
