// What the services say about the first packet of a flow.  One form, five uses: the fast path repeats it, a
// NIC can be given it, two engine versions are compared by it, `explain` prints it, the tests assert it.
#pragma once

#include <cstdint>

#include "base/id.h"
#include "packet/drop.h"

namespace outrigger::engine {

// Where one end of a flow lives, as the fast path needs it: packets of the session must come from one End and
// leave by the other.
struct End {
  PortId port = kNoPort;              // the endpoint's port, or the uplink
  TunnelId tunnel = kNoTunnel;        // set when the end is behind a peer
  uint32_t endpoint : 24 = 0xffffff;  // index into Actions::rewrites when `routed`; kNoEnd24 when unknown
  uint32_t routed : 1 = 0;            // rewrite both MACs and spend one TTL when delivering to this end
  uint32_t unused : 7 = 0;

  static constexpr uint32_t kNoEnd24 = 0xffffff;
  [[nodiscard]] bool same_place(PortId p, TunnelId t) const { return port == p && tunnel == t; }
  friend bool operator==(const End&, const End&) = default;
};
static_assert(sizeof(End) == 8);

// One side's policy verdict.
struct Judgement {
  bool judged = false;  // false: not this node's to judge, or no policy table
  bool allowed = true;
  RuleId rule = kNoRule;  // what decided; kNoRule: the default of having no policy
};

struct Decision {
  End from;                              // where the first packet came from
  End to;                                // where it goes
  EndpointId source = kNoEndpoint;       // the endpoint it comes from, by vswitch
  EndpointId destination = kNoEndpoint;  // the endpoint it goes to
  bool source_own = false;               // the address is the endpoint's own; false: one behind its prefixes
  bool destination_own = false;
  PortId charged = kNoPort;  // whose session quota pays: the local source, else the local destination
  Judgement egress;
  Judgement ingress;
  uint16_t mtu = 0;         // largest IP packet that `to` takes, bytes
  bool reject = false;      // a denial is answered with ICMP "administratively prohibited"
  Drop drop = Drop::kNone;  // why it goes nowhere
};

// What a service wants done next.  The first that is not kNext ends the walk.
struct Step {
  enum class Kind : uint8_t {
    kNext,     // my part is written, ask the next service
    kDrop,     // `drop` says why; remembered as a session so that the next packet is cheap
    kRefuse,   // dropped and answered with an ICMP error of kind `error`
    kRespond,  // addressed to the node itself (ARP, ND, DHCP, gateway echo): Tables::respond makes the answer
    kReplicate,  // Tables::receivers says to whom
  };
  enum class Error : uint8_t {
    kNone,
    kTimeExceeded,
    kNoRoute,
    kHostUnreachable,
    kProhibited,  // TCP: a reset
    kTooBig,
    kPortUnreachable,  // TCP: a reset
  };

  Kind kind = Kind::kNext;
  Drop drop = Drop::kNone;
  Error error = Error::kNone;
  uint16_t mtu = 0;  // for kTooBig

  static constexpr Step next() { return {}; }
  static constexpr Step dropped(Drop why) { return {Kind::kDrop, why}; }
  static constexpr Step refused(Drop why, Error error, uint16_t mtu = 0) {
    return {Kind::kRefuse, why, error, mtu};
  }
  static constexpr Step respond() { return {Kind::kRespond}; }
  static constexpr Step replicate() { return {Kind::kReplicate}; }
  friend bool operator==(const Step&, const Step&) = default;
};

}  // namespace outrigger::engine
