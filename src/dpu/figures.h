// What the engine counts, as the API says it: numbers become names.  Pure.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "dpu/objects.h"
#include "engine/engine.h"
#include "outrigger/v1/inspect.pb.h"

namespace outrigger::agent {

v1::Drops to_drops(const engine::Figures& figures, const std::string& node, bool all);
v1::Capacities to_capacities(const engine::Figures& figures, const std::string& node);
// But for version and uptime.
v1::Stats to_stats(const engine::Figures& figures, const Snapshot& snapshot, const std::string& node);

// Sessions of one endpoint or address.  NotFound from parse when the text is neither.
class SessionFilter {
 public:
  static absl::StatusOr<SessionFilter> parse(const std::string& endpoint, const Snapshot& snapshot);
  [[nodiscard]] bool matches(const engine::Session& session) const;

 private:
  std::vector<IpPrefix> addresses_;  // empty: every session
  std::optional<Vni> vni_;
};

// `now` in the engine's ticks.
v1::Session to_session(const engine::Session& session, const Snapshot& snapshot, const std::string& node,
                       engine::Tick now);

std::string protocol_name(uint8_t protocol);  // "tcp", "udp", "sctp", "icmp", "icmpv6", else the number
std::string state_name(engine::SessionState state);

}  // namespace outrigger::agent
