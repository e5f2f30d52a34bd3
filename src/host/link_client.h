// The host's calls to its DPU over mTLS: host::Link on one connection that is kept.  A peer that stops
// answering without a word (a cut cable, a frozen machine) leaves a connection on which TCP would retry for
// minutes; after a few calls in a row that ran out of time it is thrown away and dialled anew.  Certificates
// that were rotated are used from the next connection on.  Thread-safety: any thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/secure/tls.h"
#include "host/link.h"

namespace outrigger::host {

struct LinkOptions {
  std::string address;     // of the DPU's host link, "169.254.7.1:7444"
  secure::TlsFiles files;  // of role host
  std::string node;        // whose DPU must answer
};

// Does not wait for a connection.  Errors name the file that is wrong.
absl::StatusOr<std::unique_ptr<Link>> dial(const LinkOptions& options);

}  // namespace outrigger::host
