// What makes an incident of what is recorded, whose domain it is, and what it may be a consequence of: all of
// it in two tables that someone on call can read.  docs/how-to/read-incidents.md shows them.
#pragma once

#include <span>
#include <string_view>

#include "dpu/journal/events.h"

namespace outrigger::agent {

// When an event of a kind forms an incident.
enum class Forms : uint8_t {
  kNever,
  kAlways,
  kFromWarning,  // less severe: a record and nothing more
  kFromError,    // planned work that failed
};

// When an incident of a kind is over.
enum class Ends : uint8_t {
  kByEvent,  // Phase::kEnd with the same subject
  kByQuiet,  // no repetition for a while
};

// Who decides the domain.
enum class Blame : uint8_t {
  kFixed,     // the kind alone
  kReporter,  // the event's, where the reporter knows better than the default
  kService,   // the service that is ill, unless the reporter knows better
  kSide,      // the other end: a host that lost its DPU blames the DPU, and the reverse
};

struct KindRule {
  Kind kind;
  std::string_view name;
  Forms forms;
  Ends ends;
  Domain domain;
  Blame blame;
  std::string_view because;  // evidence for the domain
};

// How near a consequence must be to its cause.
enum class Scope : uint8_t {
  kAny,
  kDataPath,  // consequences in services that run in the engine
  kOverlay,   // consequences in the overlay
  kSameService,
  kSameSubject,
};

struct CauseRule {
  Kind cause;
  Kind effect;
  Scope scope;
};

std::span<const KindRule> kind_rules();
const KindRule& rule_of(Kind kind);
std::optional<Kind> kind_named(std::string_view name);
bool forms_incident(const Event& event);
Domain domain_of(const Event& event, std::string_view side);

// Stronger causes come first in the table; lower is stronger, negative: no cause of it.
struct Subjects {
  std::string_view cause_service, cause_subject, effect_service, effect_subject;
};
// Evidence of an event that somebody ordered, and who: it has no other cause.
inline constexpr char kOrderedBy[] = "ordered_by";
int cause_rank(Kind cause, Kind effect, const Subjects& subjects);

}  // namespace outrigger::agent
