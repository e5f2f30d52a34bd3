// What the DPU answers its host: the lease, the operator's order and the latest signed bundle.  The listener
// of the host link (certificates, rates, the closed list of methods) is elsewhere; it asks here and repeats
// the answer. Thread-safety: any thread.
#pragma once

#include "absl/status/statusor.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::agent {

class HostDesk {
 public:
  virtual ~HostDesk() = default;
  // InvalidArgument: another node's name, or a message that says nothing.  AlreadyExists: the sequence was
  // seen before (replayed).  The caller has checked that the certificate is of the node the request names.
  virtual absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) = 0;
  // NotFound while there is none newer than `have_generation`.
  virtual absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest& request) = 0;
};

}  // namespace outrigger::agent
