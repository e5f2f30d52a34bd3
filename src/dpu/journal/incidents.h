// Ten alarms for one fault tell nobody what to do.  Events of the same kind and subject are one incident; an
// incident that another explains is folded under it; each has exactly one domain, so that one party is
// called.
//
// Theory of operation: pure state, no clock and no file.  Each event comes with the time of the monotonic
// clock, by which windows and durations are measured, so that a jump of the wall clock neither folds nor
// separates anything. A cause is looked for when an incident begins, and consequences when a cause is found
// out: they may be seen first. Thread-safety: none; the journal holds a lock around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpu/journal/rules.h"

namespace outrigger::agent {

enum class IncidentState : uint8_t { kOpen, kRecovering, kOver };
std::string_view name(IncidentState state);

struct Incident {
  uint64_t number = 0;
  Kind kind = Kind::kNote;
  Domain domain = Domain::kDpu;
  std::string service;
  std::string subject;
  std::string summary;
  std::string side = "dpu";
  IncidentState state = IncidentState::kOpen;
  absl::Time began;       // when it was discovered
  int64_t began_ns = 0;   // the same, monotonic
  int64_t again_ns = 0;   // begin of its last occurrence
  int64_t last_ns = 0;    // last sign of it
  int64_t over_ns = 0;    // once it is over
  double detect_ms = -1;  // negative: not known, not yet; the longest of its repetitions
  double act_ms = -1;
  double recover_ms = -1;
  std::vector<std::string> evidence;
  uint64_t cause = 0;  // another's number
  uint64_t count = 1;
  bool acted = false;        // since the last repetition
  bool from_before = false;  // read from the file: its end may have been missed

  [[nodiscard]] std::string id() const;  // "inc-12"
};

std::string to_json(const Incident& incident);  // one line
absl::StatusOr<Incident> incident_from_json(std::string_view line);

class Incidents {
 public:
  static constexpr int64_t kMs = 1'000'000;
  static constexpr int64_t kBeforeNs = 5'000 * kMs;   // a consequence may be seen so long before its cause
  static constexpr int64_t kAfterNs = 10'000 * kMs;   // and begin so long after its cause is over
  static constexpr int64_t kRepeatNs = 30'000 * kMs;  // begun again so soon, it is the same incident
  static constexpr int64_t kQuietNs = 60'000 * kMs;   // then it is over, for kinds that nobody ends
  static constexpr int64_t kForgottenNs = 600'000 * kMs;  // no word since before a restart of the agent
  static constexpr size_t kMost = 1000;
  static constexpr size_t kMostEvidence = 24;

  // From the file; those that are not over stay open.  `clock_ns` and `wall` are now.
  void load(std::vector<Incident> known, int64_t clock_ns, absl::Time wall);

  // The number of the incident it belongs to; 0: none.
  uint64_t see(const Event& event, const std::string& side, int64_t clock_ns);
  void tick(int64_t clock_ns);

  // Of the service and not over, for log lines that say no more than their service; 0: none.
  [[nodiscard]] uint64_t open_for(const std::string& service) const;
  [[nodiscard]] const Incident* find(uint64_t number) const;
  [[nodiscard]] const std::vector<Incident>& all() const { return incidents_; }  // ascending
  [[nodiscard]] std::vector<uint64_t> consequences(uint64_t number) const;
  // Numbers of those that changed since the last call.
  std::vector<uint64_t> take_changed();

 private:
  Incident* same_as(const Event& event, const std::string& side, int64_t clock_ns);
  uint64_t begin(const Event& event, const std::string& side, int64_t clock_ns);
  void repeat(Incident& incident, const Event& event, int64_t clock_ns);
  uint64_t act(const Event& event, const std::string& side, int64_t clock_ns);
  uint64_t end(const Event& event, const std::string& side, int64_t clock_ns);
  void close(Incident& incident, int64_t clock_ns);
  void find_cause(Incident& incident);
  void adopt(const Incident& cause);
  void fold(Incident& consequence, const Incident& cause);
  void pass_domain_on(uint64_t number, Domain domain);
  [[nodiscard]] bool in_time(const Incident& cause, const Incident& effect) const;
  [[nodiscard]] uint64_t root_of(uint64_t number) const;
  Incident* mutable_find(uint64_t number);
  void changed(uint64_t number);
  void forget_oldest();

  std::vector<Incident> incidents_;
  std::vector<uint64_t> changed_;
  uint64_t next_ = 1;
};

}  // namespace outrigger::agent
