// What the host may carry while its DPU cannot: the compiled state of one generation, signed.  Each bundle
// has a higher sequence than any before it, also over restarts, so that an older one can be told.
// Thread-safety: any thread.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "base/address.h"
#include "base/ed25519.h"
#include "compiler/compiler.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::agent {

// Services whose contract's fallback list has `host`.
using HostServices = std::function<std::vector<std::string>()>;
// The built-in services' own contracts: previous, host, closed.
std::vector<std::string> default_host_services();

class BundleMaker {
 public:
  struct Settings {
    std::string node;
    std::string sequence_file;  // keeps the last sequence
    absl::Duration lifetime = absl::Hours(24);
    std::function<absl::Time()> clock = [] { return absl::Now(); };
  };
  BundleMaker(Settings settings, Ed25519Key key, HostServices services)
      : settings_(std::move(settings)), key_(std::move(key)), services_(std::move(services)) {}

  // FailedPrecondition when the node has no fallback address.
  absl::StatusOr<v1::SignedBundle> make(const compiler::Compiled& compiled, uint64_t generation,
                                        const IpAddress& host_tunnel);

 private:
  absl::StatusOr<uint64_t> next_sequence();

  const Settings settings_;
  const Ed25519Key key_;
  const HostServices services_;
  std::mutex mutex_;
  uint64_t sequence_ = 0;
};

}  // namespace outrigger::agent
