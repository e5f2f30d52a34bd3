// The journal as messages of the API, apart from gRPC so that both the agent's own listener and the host link
// may use it, and tests need no network.
#pragma once

#include "absl/status/statusor.h"
#include "dpu/journal/journal.h"
#include "outrigger/v1/journal.pb.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::agent {

// InvalidArgument: a domain that is none.  An incident stands for its consequences too.
absl::StatusOr<LogQuery> query_of(const v1::LogsRequest& request, const std::vector<Incident>& incidents);

// Newest first, consequences right after their cause.  NotFound: the id of none.
absl::StatusOr<v1::IncidentList> list_incidents(const std::vector<Incident>& incidents,
                                                const v1::IncidentsRequest& request, const std::string& node);

v1::StreamList list_streams(const std::vector<Journal::Stream>& streams);

// What HostLink.ShipLogs does; a record that cannot be read is kept as one that says so.
absl::StatusOr<uint64_t> keep_shipped(Journal& journal, const v1::ShipLogsRequest& request);

}  // namespace outrigger::agent
