// The host's side of the host link, as its parts see it: calls that may fail.
// Each has a deadline of its own (a call that hangs is a call that failed); a failed one is tried again by
// the caller, on a new connection if need be. Thread-safety: any thread.
#pragma once

#include "absl/status/statusor.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::host {

class Link {
 public:
  virtual ~Link() = default;
  virtual absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) = 0;          // within 500 ms
  virtual absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest& request) = 0;  // within 5 s
  virtual absl::StatusOr<v1::ShipLogsReply> ship(const v1::ShipLogsRequest& request) = 0;     // within 5 s
  virtual absl::StatusOr<v1::ReportWindowsReply> report(const v1::ReportWindowsRequest& request) = 0;  // 5 s
};

}  // namespace outrigger::host
