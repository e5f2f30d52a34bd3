// Who may talk to whom: the compiled form of NetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy.
//
// Theory of operation.  A subject endpoint has a class (the set of policies that select it).  A peer address
// matches a few selectors: by its endpoint's labels, and by every address block that covers it.  A rule is found by
// hash of (class, direction, selector), then of (protocol, port prefix); ranges were split into prefixes.  So a
// lookup costs (selectors of the peer) x (port widths in use there), whatever the number of rules.
// Thread-safety: `apply` needs that nobody reads; the rest may be called by any number of readers.  The engine keeps
// two copies and changes the one that no worker reads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/address.h"
#include "base/capacity.h"
#include "base/id.h"
#include "engine/decision.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::policy {

enum class Direction : uint8_t { kIngress = 0, kEgress = 1 };

// The side that is not judged for.
struct Peer {
  EndpointId endpoint = kNoEndpoint;  // set when `address` is an endpoint's own
  IpAddress address;
};

class PolicyTable {
 public:
  PolicyTable();
  ~PolicyTable();
  PolicyTable(PolicyTable&&) noexcept;
  PolicyTable& operator=(PolicyTable&&) noexcept;

  // Applies a change as of `epoch`.  Checks all of it first: on error nothing has changed, and the message names the
  // entry ("rule 7: class 12 does not exist").  Cost: proportional to the change, not to the table.
  absl::Status apply(const ::outrigger::engine::v1::Policy& change, Epoch epoch);

  // port: the destination port of the flow, 0 for protocols without.
  [[nodiscard]] engine::Judgement judge(Direction direction, EndpointId subject, const Peer& peer, uint8_t protocol,
                                        uint16_t port) const;

  // Whether a change after `since` may have touched this judgement.  Exact for address blocks up to a /24 (IPv4) or
  // /64 (IPv6); wider ones and label selectors count for their whole class.
  [[nodiscard]] bool changed_since(Direction direction, EndpointId subject, const Peer& peer, Epoch since) const;

  [[nodiscard]] std::vector<Capacity> capacity() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::policy
