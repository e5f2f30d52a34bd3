// What the engine's services do, tried out: packets of the health network go in at one end and must come out
// at the other, or must not.  No service is asked how it feels. Thread-safety: each probe belongs to the one
// thread that calls it; the sources they share are called from all of them.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "compiler/health_network.h"
#include "dpu/health/machine.h"
#include "dpu/journal/events.h"
#include "dpu/supervise/supervisor.h"
#include "engine/engine.h"

namespace outrigger::agent {

struct Finding {
  ProbeOutcome outcome = ProbeOutcome::kNothing;
  std::string reason;
  absl::Duration latency = absl::ZeroDuration();
};
using Probe = std::function<Finding()>;

// Packets of probes that were dropped, as they should be: whoever shows drops takes these away.
struct ProbeDrops {
  std::array<std::atomic<uint64_t>, kDropCount> by_reason{};
  // From what an engine counts, in place.
  void take_from(std::vector<uint64_t>& drops) const;
};

// Where probes get at the node.  A function that is not set: its probe finds nothing to probe.
struct ProbeSources {
  std::string node;
  // Engine::probe of the active engine.
  std::function<absl::StatusOr<engine::Echo>(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                                             unsigned timeout_ms)>
      echo;
  // Nullopt while no Node of this name is in force.
  std::function<std::optional<compiler::HealthPlan>()> plan;
  std::shared_ptr<ProbeDrops> drops = std::make_shared<ProbeDrops>();
  std::function<std::vector<BeatView>()> beats;
  std::function<engine::Figures()> figures;
  std::function<void(const std::string& node, bool answered)> peer_probed;  // told of each peer's result
  std::function<std::vector<std::string>()> links_down;  // ports whose link is down: "shop/web-1"
  std::function<absl::Status()> store;                   // writes, reads back
  // Exit code of a command inside a service's sandbox.
  std::function<absl::StatusOr<int>(const std::string& service, const std::vector<std::string>& command,
                                    absl::Duration timeout)>
      exec;
};

// Allowed packets must arrive at B, denied ones must not: by a fresh flow and by one that has a session,
// denied by a rule and denied for want of one.
Probe verdict_probe(const ProbeSources& sources, absl::Duration timeout);
// A packet from B to A, where no policy has a say; tables and links have room and are up.
Probe loopback_probe(const ProbeSources& sources, absl::Duration timeout);
// ICMPv6 echo to each peer through its tunnel, a few each time.
Probe peer_probe(const ProbeSources& sources, absl::Duration timeout, Events* events);
// Every worker that has queues makes turns.
Probe heartbeat_probe(const ProbeSources& sources, absl::Duration stall);
Probe store_probe(const ProbeSources& sources);

// For ProbeSources::store: a file in the state's folder, synced and read back.
absl::Status write_and_read(const std::string& folder);

}  // namespace outrigger::agent
