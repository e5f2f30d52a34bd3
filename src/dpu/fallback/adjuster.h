// Between the compiler and the engine: the desired state says where nodes are, this says where they are just
// now.  Every update goes through it; when a fallback begins or ends it gives the engine the last structure
// again, adjusted anew, under the same generation.  So a fallback is an epoch and no change of desired state,
// and what is compiled (and signed for the host) stays as the operator wrote it.
// Thread-safety: any thread.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "base/id.h"
#include "compiler/peer_fallback.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::agent {

class Adjuster {
 public:
  using Apply = std::function<absl::StatusOr<Epoch>(const std::string& update)>;
  explicit Adjuster(Apply apply) : apply_(std::move(apply)) {}

  // DesiredState's Publish: the update, adjusted, to the engine.
  absl::StatusOr<Epoch> publish(const std::string& update);

  // Each puts itself in force at once, when it changes anything; until then, or when the engine refuses, what
  // was there holds.
  absl::Status set_addresses(compiler::FallbackAddresses addresses);  // after each change of desired state
  absl::Status set_in_force(std::set<std::string> nodes);             // PeerWatch's callback
  absl::Status set_yielded(bool yielded);                             // Desk's hook

 private:
  [[nodiscard]] std::string adjusted(::outrigger::engine::v1::Update update) const;
  absl::Status again();

  const Apply apply_;
  std::mutex mutex_;                      // held while the engine takes an update, so that they come in order
  ::outrigger::engine::v1::Update last_;  // generation, digest and structure, as compiled
  compiler::FallbackAddresses addresses_;
  std::set<std::string> in_force_;
  bool yielded_ = false;
};

}  // namespace outrigger::agent
