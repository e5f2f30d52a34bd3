// Everything an agent is made of, put together in the order in which one part needs another: the journal
// first, since all others tell it things; the engines; what they should carry; health, rollouts and the
// host's desk; and last those who let others ask. Thread-safety: one thread.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "dpu/options.h"

namespace outrigger::agent {

class Node {
 public:
  // When it returns, the API is served and what was stored is in force, or is being tried again.
  static absl::StatusOr<std::unique_ptr<Node>> start(const Options& options);
  virtual ~Node() = default;
  // Housekeeping, about four times a second.
  virtual void turn() = 0;
};

}  // namespace outrigger::agent
