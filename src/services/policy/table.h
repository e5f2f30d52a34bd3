// Who may talk to whom: the compiled form of NetworkPolicy, AdminNetworkPolicy and
// BaselineAdminNetworkPolicy.
//
// Theory of operation.  A subject endpoint has a class (the set of policies that select it).  A peer address
// matches a few selectors: by its endpoint's labels, and by every address block that covers it.  A rule is
// found by hash of (class, direction, selector), then of (protocol, port prefix); ranges were split into
// prefixes.  So a lookup costs (selectors of the peer) x (port widths in use there), whatever the number of
// rules.
//
// Equal ranks in a tier: deny before pass before allow, then the smaller rule id.
// An IPv6 prefix shorter than 96 (::/0) covers no IPv4 address.
//
// Thread-safety: `apply` needs that nobody reads; the rest may be called by any number of readers. The
// engine keeps two copies and changes the one that no worker reads.
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

// The most a table takes; a change that would go beyond is refused whole.
struct Limits {
  uint32_t classes = 1u << 20;
  uint32_t subjects = 1u << 20;
  uint32_t selectors = 1u << 20;
  uint32_t blocks = 4u << 20;  // address blocks of all selectors
  uint32_t rules = 4u << 20;
  uint32_t port_prefixes = 16u << 20;  // of all rules: a rule without a port range is one, with one up to 30
};

class PolicyTable {
 public:
  explicit PolicyTable(const Limits& limits = {});
  ~PolicyTable();
  PolicyTable(PolicyTable&&) noexcept;
  PolicyTable& operator=(PolicyTable&&) noexcept;

  // Applies a change as of `epoch`.  Checks all of it first: on error nothing has changed, and the message
  // names the entry ("rule 7: class 12 does not exist").  Cost: proportional to the change, not to the table.
  absl::Status apply(const ::outrigger::engine::v1::Policy& change, Epoch epoch);

  // port: the destination port of the flow, 0 for protocols without.
  [[nodiscard]] engine::Judgement judge(Direction direction, EndpointId subject, const Peer& peer,
                                        uint8_t protocol, uint16_t port) const;

  // Whether a change after `since` may have touched this judgement.  Never says no wrongly; says yes too
  // often in that a rule counts for its whole class unless its selector is made of few blocks no wider than a
  // /24 (IPv4) or /64 (IPv6), and a selector's change of endpoints counts for every class's judgement of
  // those peers.
  [[nodiscard]] bool changed_since(Direction direction, EndpointId subject, const Peer& peer,
                                   Epoch since) const;

  [[nodiscard]] std::vector<Capacity> capacity() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::policy
