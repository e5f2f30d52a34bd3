#include "dpu/journal/event_record.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "dpu/journal/rules.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kLateReport = absl::Minutes(1);
constexpr absl::Duration kLongestDetection = absl::Hours(24);

// When it happened by the monotonic clock; reporters may be a little late.
int64_t monotonic_at(absl::Time time) {
  const absl::Duration late = absl::Now() - time;
  const bool plausible = late > absl::ZeroDuration() && late < kLateReport;
  return monotonic_now_ns() - (plausible ? absl::ToInt64Nanoseconds(late) : 0);
}

std::string_view name(Phase phase) {
  constexpr std::string_view kNames[] = {"point", "begin", "act", "end"};
  return kNames[static_cast<size_t>(phase)];
}

std::optional<Phase> phase_named(std::string_view text) {
  for (const Phase phase : {Phase::kPoint, Phase::kBegin, Phase::kAct, Phase::kEnd}) {
    if (name(phase) == text) return phase;
  }
  return std::nullopt;
}

// What a host may form incidents of; anything else it says is a record.
bool host_may_report(Kind kind) {
  return kind == Kind::kLeaseLost || kind == Kind::kFallback || kind == Kind::kBadBundle ||
         kind == Kind::kClock;
}

std::string evidence(const Record& record, const char* key) {
  const auto found = record.evidence.find(key);
  return found == record.evidence.end() ? "" : found->second;
}

}  // namespace

Record record_of(const Event& event) {
  Record record{.time = event.time,
                .monotonic_ns = monotonic_at(event.time),
                .domain = event.domain,
                .service = event.service,
                .version = event.version,
                .severity = event.severity,
                .message = event.message,
                .evidence = event.evidence};
  if (event.kind == Kind::kNote) return record;
  record.evidence["kind"] = std::string(name(event.kind));
  record.evidence["phase"] = std::string(name(event.phase));
  if (!event.subject.empty()) record.evidence["subject"] = event.subject;
  return record;
}

// How far its clock is from ours is known once it was measured.
int64_t monotonic_on_host(const Record& record) {
  if (record.offset_ns == 0) return monotonic_at(record.time);
  const int64_t now = monotonic_now_ns();
  const int64_t latest_late = absl::ToInt64Nanoseconds(kLateReport);
  return std::clamp(record.monotonic_ns + record.offset_ns, now - latest_late, now);
}

Event event_of(const Record& record) {
  Event event;
  const auto kind = kind_named(evidence(record, "kind"));
  const auto phase = phase_named(evidence(record, "phase"));
  if (!kind || !phase || !host_may_report(*kind)) return event;
  event.kind = *kind;
  event.phase = *phase;
  event.severity = record.severity;
  event.service = record.service;
  event.subject = evidence(record, "subject");
  event.message = record.message;
  event.evidence = record.evidence;
  event.time = record.time;
  double detect_ms = 0;
  const bool known = absl::SimpleAtod(evidence(record, "detect_ms"), &detect_ms) && detect_ms >= 0 &&
                     detect_ms <= absl::ToDoubleMilliseconds(kLongestDetection);
  if (known) event.first_sign = record.time - absl::Milliseconds(detect_ms);
  return event;
}

}  // namespace outrigger::agent
