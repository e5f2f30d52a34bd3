// One log record, the same on the host and on the DPU: a line of JSON with who, where, when, and whose it is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace outrigger {

enum class Domain : uint8_t { kApplication, kHost, kDpu, kPolicy, kFabric, kFleet };
enum class Severity : uint8_t { kDebug, kInfo, kWarning, kError, kCritical };

std::string_view name(Domain domain);      // "application", "host", "dpu", ...
std::string_view name(Severity severity);  // "debug", "info", ...
std::optional<Domain> domain_named(std::string_view name);
std::optional<Severity> severity_named(std::string_view name);

struct Record {
  absl::Time time;
  int64_t monotonic_ns = 0;  // of the side it comes from
  int64_t offset_ns = 0;     // added to monotonic_ns it gives the DPU's clock
  std::string side = "dpu";  // or "host"
  Domain domain = Domain::kDpu;
  std::string service;  // "policy", "engine", "agent", "frr"
  std::string version;
  uint64_t generation = 0;
  std::string owner;  // who is to be asked: the contract's logs.owner
  Severity severity = Severity::kInfo;
  std::string incident;  // "inc-12", empty: none
  std::string message;
  std::map<std::string, std::string> evidence;
  uint64_t cursor = 0;  // place in its side's spool
};

std::string to_json(const Record& record);  // one line, without its end
// InvalidArgument names the field.  Strict on types; unknown fields are a later version's and ignored.
absl::StatusOr<Record> record_from_json(std::string_view line);

// Cuts what is longer than a line of a spool may be: a record never fails for its length.
void bound(Record& record);

// RFC 3339 with microseconds, UTC.
std::string time_to_text(absl::Time time);
std::optional<absl::Time> time_from_text(std::string_view text);

int64_t monotonic_now_ns();  // CLOCK_MONOTONIC

}  // namespace outrigger
