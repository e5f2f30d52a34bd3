// An engine's two probe ports as a function: it parses what is sent and does what the health network should,
// or what the test says goes wrong.  For tests.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "compiler/health_network.h"
#include "dpu/health/probes.h"
#include "dpu/journal/events.h"
#include "packet/parser.h"

namespace outrigger::agent {

struct FakeWire {
  bool leaks = false;          // denied packets arrive
  bool deaf = false;           // nothing arrives
  bool known_stuck = false;    // flows seen before are dropped
  bool hints = true;           // drops have their reason
  absl::Status broken;         // the call itself fails
  std::set<std::string> away;  // peers that do not answer
  std::vector<packet::PacketInfo> seen;
  compiler::HealthPlan plan{compiler::probe_end("host-a", false), compiler::probe_end("host-a", true), {}};
  engine::Figures figures;

  void peer(const std::string& name) { plan.peers.push_back({name, compiler::probe_end(name, false)}); }

  absl::StatusOr<engine::Echo> echo(PortId from, std::span<const uint8_t> frame, uint64_t mark) {
    if (!broken.ok()) return broken;
    packet::PacketInfo info;
    packet::parse(frame, Vni(manifest::kHealthVni), info);
    if (info.kind != packet::Kind::kFlow) return absl::InvalidArgumentError("not a packet");
    if (load_raw<uint64_t>(frame.data() + frame.size() - 8) != mark)
      return absl::InvalidArgumentError("no mark");
    seen.push_back(info);
    engine::Echo out;
    if (deaf) return out;
    if (info.key.protocol() == packet::kIcmpV6 || info.key.protocol() == packet::kIcmp) return ping(info);
    const uint16_t port = info.destination_port();
    const bool to_b = from == PortId(compiler::kProbePortA);
    const bool denied = to_b && port != compiler::kAllowedPort;
    const std::string flow = std::to_string(info.source_port()) + ">" + std::to_string(port) + "/" +
                             std::to_string(info.key.protocol());
    const bool known = !flows.insert(flow).second;
    out.arrived = (!denied || leaks) && !(known && known_stuck);
    if (out.arrived) {
      out.port = PortId(to_b ? compiler::kProbePortB : compiler::kProbePortA);
      out.nanoseconds = 5000;
    } else if (hints) {
      out.drop = denied ? Drop::kPolicyIngress : Drop::kPortUnbound;
    }
    return out;
  }

  engine::Echo ping(const packet::PacketInfo& info) const {
    engine::Echo out;
    for (const compiler::HealthPeer& one : plan.peers) {
      out.arrived = out.arrived || (one.end.address == info.destination() && !away.contains(one.node));
    }
    out.port = PortId(compiler::kProbePortA);
    out.nanoseconds = 70000;
    return out;
  }

  ProbeSources sources() {
    ProbeSources out;
    out.node = "host-a";
    out.echo = [this](PortId port, std::span<const uint8_t> frame, uint64_t mark, unsigned) {
      return echo(port, frame, mark);
    };
    out.plan = [this] { return std::optional(plan); };
    out.figures = [this] { return figures; };
    return out;
  }

  std::set<std::string> flows;
};

struct Heard : Events {
  void record(Event event) override { all.push_back(std::move(event)); }
  std::vector<Event> all;
};

}  // namespace outrigger::agent
