// One published set of tables, as the engine sees it: opaque but for Actions.  services/ implements it.
//
// Theory of operation.  Workers read one `const Tables*` per turn.  The control thread builds the next set
// aside, publishes it with one store and retires the old one once every worker has passed a quiescent state
// (QSBR). Virtual calls happen for first packets only, never per packet of a session. Thread-safety: every
// member function may be called by any number of readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/capacity.h"
#include "engine/actions.h"
#include "engine/decision.h"
#include "engine/first_packet.h"

namespace outrigger::engine {

class Tables {
 public:
  virtual ~Tables() = default;

  // Walks the services.  kNext: deliver as decided.
  virtual Step decide(const FirstPacket& packet, Decision& decision) const = 0;

  // Whether anything that `decide` would read for this flow may have changed after `since`.  False lets a
  // session keep its decision across an epoch; true has it decided again.  May err towards true.
  virtual bool changed_since(const FirstPacket& packet, const End& from, const End& to,
                             Epoch since) const = 0;

  // The answer to a packet for the node itself.  Writes a whole frame; 0: no answer is due.
  virtual size_t respond(const FirstPacket& packet, std::span<uint8_t> frame) const = 0;

  // The ICMP or ICMPv6 error (or TCP reset) that tells the sender of `packet`; 0: none is due (RFC 1122
  // §3.2.2).
  virtual size_t refuse(const FirstPacket& packet, Step::Error error, uint16_t mtu,
                        std::span<uint8_t> frame) const = 0;

  // What the endpoint at `port` is told unasked, every few minutes; 0: nothing.
  virtual size_t announce(PortId port, std::span<uint8_t> frame) const = 0;

  // How full the tables are; for the control thread.
  [[nodiscard]] virtual std::vector<Capacity> capacity() const { return {}; }

  // Who gets a copy of a broadcast or multicast; returns how many were written.  Policy is already applied.
  virtual size_t receivers(const FirstPacket& packet, std::span<End> out) const = 0;

  Epoch epoch;
  Generation generation;
  std::shared_ptr<const Actions> actions;
};

// Turns serialised updates into tables.  Used by one thread, never by a worker.
class TableBuilder {
 public:
  virtual ~TableBuilder() = default;
  // `update` is an outrigger.engine.v1.Update.  On error nothing has changed.  The caller publishes the
  // result, waits until no worker reads the previous set, then calls retire(): the builder may reuse what it
  // held.
  virtual absl::StatusOr<const Tables*> build(std::string_view update, Epoch epoch) = 0;
  virtual void retire() = 0;

  // The underlay addresses that tunnels lead to and that must be resolved to a MAC by the engine.
  virtual std::vector<IpAddress> neighbours() const = 0;
  // What ARP or ND said.  True when the tables change by it: the caller then publishes rebuild().
  virtual bool learn(IpAddress neighbour, const MacAddress& mac) = 0;
  // The same desired state as a new epoch.
  virtual absl::StatusOr<const Tables*> rebuild(Epoch epoch) = 0;
};

}  // namespace outrigger::engine
