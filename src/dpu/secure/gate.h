// The one place where a call is let in or not, before any handler sees it: is the certificate one of ours,
// may its role call this method on this listener, and not too often.  Knows no gRPC; tls.h asks it for every
// call. Thread-safety: any thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "dpu/secure/methods.h"
#include "dpu/secure/refusals.h"
#include "dpu/secure/token_bucket.h"

namespace outrigger::secure {

class Gate {
 public:
  struct Options {
    Listener listener = Listener::kManagement;
    std::string trust_domain;
    std::optional<Rate> rate;  // of each certificate
  };
  Gate(Options options, agent::Events* events) : options_(std::move(options)), refusals_(events) {}

  // `uri` is the certificate's, "" when it has none.  Unauthenticated: no identity of ours.  PermissionDenied
  // names role and method.  ResourceExhausted: too often.
  absl::Status judge(std::string_view uri, std::string_view path, absl::Time now);

  // For handlers, which see what the gate cannot: the request.  The answer to give.
  absl::Status refuse(const Identity& who, const std::string& what, const std::string& message);

  [[nodiscard]] Listener listener() const { return options_.listener; }

 private:
  struct Caller {
    TokenBucket bucket;
    bool flooding = false;
  };
  enum class Pace : uint8_t { kFine, kFloodBegins, kFloodGoesOn };
  Pace pace(const Identity& who, absl::Time now);

  const Options options_;
  Refusals refusals_;
  std::mutex mutex_;
  std::map<std::string, Caller> callers_;  // under mutex_, by actor
};

}  // namespace outrigger::secure
