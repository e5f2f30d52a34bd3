// Everything on the node that is worth telling goes through here once: it becomes a log record with its
// owner, and, when it says that something began or ended, part of an incident.  The parts of the agent hold
// an Events&; the journal is behind it. Thread-safety: record() from any thread; it does not wait for the
// disk.
#pragma once

#include <map>
#include <string>

#include "absl/time/clock.h"
#include "base/record.h"

namespace outrigger::agent {

// What incidents are made of.  The name is what `outrigger incidents` prints.
enum class Kind : uint8_t {
  kNote,         // a log record and nothing more
  kHealth,       // a service's health left ready (begin) or came back (end)
  kEngineCrash,  // an engine process died
  kEngineStall,  // a worker made no progress and was killed
  kPortsCrash,
  kAgentRestart,
  kSwap,  // planned change of engines
  kRollout,
  kLeaseLost,      // the host link has gone silent
  kFallback,       // the host path (or another of the contract's) is in force
  kRefusedAccess,  // a call that its certificate does not allow, a flood, a replay
  kBadBundle,
  kStore,  // the disk refuses, the database is damaged
  kClock,
  kSidecar,
  kPeer,  // a tunnel peer does not answer
};
std::string_view name(Kind kind);

enum class Phase : uint8_t { kPoint, kBegin, kAct, kEnd };  // kAct: something was done about it

struct Event {
  Kind kind = Kind::kNote;
  Phase phase = Phase::kPoint;
  Domain domain = Domain::kDpu;  // of the cause, as far as the reporter knows
  Severity severity = Severity::kInfo;
  std::string service;  // "engine", "policy", ...
  std::string subject;  // what begin, act and end have in common: "slot 0", "peer host-b"; may be empty
  std::string message;
  std::string version;
  std::map<std::string, std::string> evidence;
  absl::Time time = absl::Now();
  absl::Time first_sign = absl::InfinitePast();  // when the cause began, if that is known better than `time`
};

class Events {
 public:
  virtual ~Events() = default;
  virtual void record(Event event) = 0;
};

}  // namespace outrigger::agent
