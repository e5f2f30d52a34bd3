#include "dpu/journal/rules.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace outrigger::agent {

namespace {

// In the order of Kind.
constexpr KindRule kRules[] = {
    {Kind::kNote, "note", Forms::kNever, Ends::kByQuiet, Domain::kDpu, Blame::kReporter, ""},
    {Kind::kHealth, "health", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kService,
     "the service fails its own probe and nothing below it is known to have failed"},
    {Kind::kEngineCrash, "engine_crash", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kFixed,
     "an engine is a process of the DPU"},
    {Kind::kEngineStall, "engine_stall", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kFixed,
     "a worker is a thread of the DPU's engine"},
    {Kind::kPortsCrash, "ports_crash", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kFixed,
     "the ports process is the DPU's"},
    {Kind::kAgentRestart, "agent_restart", Forms::kFromWarning, Ends::kByEvent, Domain::kDpu, Blame::kFixed,
     "the agent is a process of the DPU"},
    {Kind::kSwap, "swap", Forms::kFromError, Ends::kByQuiet, Domain::kDpu, Blame::kReporter,
     "engines are changed on the DPU"},
    {Kind::kRollout, "rollout", Forms::kFromError, Ends::kByQuiet, Domain::kDpu, Blame::kReporter,
     "versions are changed on the DPU"},
    {Kind::kLeaseLost, "lease_lost", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kSide,
     "the other end of the host link has gone silent"},
    {Kind::kFallback, "fallback", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kReporter,
     "a service left the DPU's path"},
    {Kind::kRefusedAccess, "refused_access", Forms::kAlways, Ends::kByQuiet, Domain::kFleet, Blame::kReporter,
     "a caller asked for what its certificate does not allow"},
    {Kind::kBadBundle, "bad_bundle", Forms::kAlways, Ends::kByQuiet, Domain::kDpu, Blame::kReporter,
     "the DPU makes and signs bundles"},
    {Kind::kStore, "store", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kFixed,
     "the store is on the DPU's disk"},
    {Kind::kClock, "clock", Forms::kFromWarning, Ends::kByQuiet, Domain::kDpu, Blame::kReporter,
     "a clock of this side jumped"},
    {Kind::kSidecar, "sidecar", Forms::kAlways, Ends::kByEvent, Domain::kDpu, Blame::kFixed,
     "sidecars run on the DPU"},
    {Kind::kPeer, "peer", Forms::kAlways, Ends::kByEvent, Domain::kFabric, Blame::kReporter,
     "a tunnel peer is reached through the fabric"},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kRules); ++i) {
    if (kRules[i].kind != static_cast<Kind>(i)) return false;
  }
  return std::size(kRules) == static_cast<size_t>(Kind::kPeer) + 1;
}
static_assert(in_order());

// Cause, consequence, how near.  The strongest causes first; no pair may stand here in both directions.
constexpr CauseRule kCauses[] = {
    {Kind::kPortsCrash, Kind::kEngineStall, Scope::kAny},
    {Kind::kPortsCrash, Kind::kEngineCrash, Scope::kAny},
    {Kind::kPortsCrash, Kind::kHealth, Scope::kDataPath},
    {Kind::kPortsCrash, Kind::kLeaseLost, Scope::kAny},
    {Kind::kPortsCrash, Kind::kFallback, Scope::kAny},
    {Kind::kEngineStall, Kind::kEngineCrash, Scope::kSameSubject},  // killed because it hung
    {Kind::kEngineStall, Kind::kHealth, Scope::kDataPath},
    {Kind::kEngineStall, Kind::kSwap, Scope::kAny},
    {Kind::kEngineStall, Kind::kRollout, Scope::kAny},
    {Kind::kEngineStall, Kind::kFallback, Scope::kAny},
    {Kind::kEngineCrash, Kind::kHealth, Scope::kDataPath},
    {Kind::kEngineCrash, Kind::kSwap, Scope::kAny},
    {Kind::kEngineCrash, Kind::kRollout, Scope::kAny},
    {Kind::kEngineCrash, Kind::kFallback, Scope::kAny},
    {Kind::kAgentRestart, Kind::kLeaseLost, Scope::kAny},
    {Kind::kLeaseLost, Kind::kFallback, Scope::kAny},
    {Kind::kStore, Kind::kHealth, Scope::kSameService},
    {Kind::kSidecar, Kind::kHealth, Scope::kSameService},
    {Kind::kPeer, Kind::kHealth, Scope::kOverlay},
    {Kind::kSwap, Kind::kRollout, Scope::kAny},
    {Kind::kHealth, Kind::kRollout, Scope::kAny},
    {Kind::kHealth, Kind::kFallback, Scope::kAny},
};

constexpr std::string_view kInTheEngine[] = {"engine", "vswitch", "policy", "overlay",
                                             "chain",  "tap",     "ports"};

bool near(Scope scope, const Subjects& subjects) {
  switch (scope) {
    case Scope::kAny:
      return true;
    case Scope::kDataPath:
      return std::ranges::find(kInTheEngine, subjects.effect_service) != std::end(kInTheEngine);
    case Scope::kOverlay:
      return subjects.effect_service == "overlay";
    case Scope::kSameService:
      return subjects.cause_service == subjects.effect_service;
    case Scope::kSameSubject:
      return subjects.cause_subject == subjects.effect_subject;
  }
  return false;
}

Domain domain_of_service(std::string_view service, Domain otherwise) {
  if (service == "policy") return Domain::kPolicy;
  if (service == "host") return Domain::kHost;
  return otherwise;
}

}  // namespace

std::string_view name(Kind kind) { return rule_of(kind).name; }
std::span<const KindRule> kind_rules() { return kRules; }
const KindRule& rule_of(Kind kind) { return kRules[static_cast<size_t>(kind)]; }

std::optional<Kind> kind_named(std::string_view name) {
  const auto* found = std::ranges::find(kRules, name, &KindRule::name);
  if (found == std::end(kRules)) return std::nullopt;
  return found->kind;
}

bool forms_incident(const Event& event) {
  // What neither begins nor is amiss is a record and no more.
  if (event.phase == Phase::kPoint && event.severity < Severity::kWarning) return false;
  switch (rule_of(event.kind).forms) {
    case Forms::kNever:
      return false;
    case Forms::kAlways:
      return true;
    case Forms::kFromWarning:
      return event.severity >= Severity::kWarning;
    case Forms::kFromError:
      return event.severity >= Severity::kError;
  }
  return false;
}

Domain domain_of(const Event& event, std::string_view side) {
  const KindRule& rule = rule_of(event.kind);
  const bool reporter_knows = event.domain != Domain::kDpu;  // the value of one who did not say
  switch (rule.blame) {
    case Blame::kFixed:
      return rule.domain;
    case Blame::kReporter:
      return reporter_knows ? event.domain : rule.domain;
    case Blame::kService:
      return reporter_knows ? event.domain : domain_of_service(event.service, rule.domain);
    case Blame::kSide:
      return side == "host" ? Domain::kDpu : Domain::kHost;
  }
  return rule.domain;
}

int cause_rank(Kind cause, Kind effect, const Subjects& subjects) {
  for (size_t i = 0; i < std::size(kCauses); ++i) {
    const CauseRule& rule = kCauses[i];
    if (rule.cause == cause && rule.effect == effect && near(rule.scope, subjects))
      return static_cast<int>(i);
  }
  return -1;
}

}  // namespace outrigger::agent
