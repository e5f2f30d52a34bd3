// A record is the same thing in a file (JSON), in the agent (Record) and on the wire (v1.LogRecord).  This is
// the last step, for any generated message of that shape, so that base needs neither protobuf nor two copies.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/record.h"

namespace outrigger {

template <typename LogRecord>
void to_wire(const Record& record, LogRecord& wire) {
  wire.set_time(time_to_text(record.time));
  wire.set_monotonic_ns(record.monotonic_ns);
  wire.set_offset_ns(record.offset_ns);
  wire.set_side(record.side);
  wire.set_domain(std::string(name(record.domain)));
  wire.set_service(record.service);
  wire.set_version(record.version);
  wire.set_generation(record.generation);
  wire.set_owner(record.owner);
  wire.set_severity(std::string(name(record.severity)));
  wire.set_incident(record.incident);
  wire.set_message(record.message);
  for (const auto& [key, value] : record.evidence) (*wire.mutable_evidence())[key] = value;
  wire.set_cursor(record.cursor);
}

// InvalidArgument: a time, side, domain or severity that is none.
template <typename LogRecord>
absl::StatusOr<Record> from_wire(const LogRecord& wire) {
  const auto time = time_from_text(wire.time());
  const auto domain = domain_named(wire.domain());
  const auto severity = severity_named(wire.severity());
  const bool known_side = wire.side() == "dpu" || wire.side() == "host";
  if (!time || !domain || !severity || !known_side) {
    const char* field = !time ? "time" : !domain ? "domain" : !severity ? "severity" : "side";
    return absl::InvalidArgumentError(absl::StrCat("log record ", wire.cursor(), ": unknown ", field));
  }
  return Record{.time = *time,
                .monotonic_ns = wire.monotonic_ns(),
                .offset_ns = wire.offset_ns(),
                .side = wire.side(),
                .domain = *domain,
                .service = wire.service(),
                .version = wire.version(),
                .generation = wire.generation(),
                .owner = wire.owner(),
                .severity = *severity,
                .incident = wire.incident(),
                .message = wire.message(),
                .evidence = {wire.evidence().begin(), wire.evidence().end()},
                .cursor = wire.cursor()};
}

}  // namespace outrigger
