#include "engine/demands.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::engine {

std::vector<PortRequest> requests(const v1::Structure& structure) {
  std::vector<PortRequest> out;
  for (const v1::Port& port : structure.ports()) {
    const auto mtu = static_cast<uint16_t>(port.mtu() == 0 ? 1500 : port.mtu());
    out.push_back({PortId(static_cast<uint16_t>(port.id())), port.device(), mtu});
  }
  return out;
}

absl::Status check_mtu(const std::vector<PortRequest>& wanted) {
  for (const PortRequest& port : wanted) {
    if (port.mtu > kLargestMtu) {
      return absl::InvalidArgumentError(absl::StrCat("port \"", port.device, "\": MTU ", port.mtu,
                                                     " is above what a packet buffer holds, ", kLargestMtu));
    }
  }
  return absl::OkStatus();
}

Limits limits_of(const v1::Structure& structure, unsigned workers) {
  Limits limits;
  const v1::Tracking& tracking = structure.tracking();
  const auto share = [&](uint32_t quota) { return (quota + workers - 1) / workers; };
  const auto ticks = [](uint32_t seconds, Tick otherwise) {
    return seconds == 0 ? otherwise : std::min(seconds, UINT32_MAX / kTicksPerSecond) * kTicksPerSecond;
  };
  SessionLimits& sessions = limits.sessions;
  sessions.strict_tcp_window = tracking.strict_tcp_window();
  sessions.default_quota = share(tracking.default_session_quota());
  sessions.embryonic = ticks(tracking.embryonic_timeout_s(), sessions.embryonic);
  sessions.established = ticks(tracking.established_timeout_s(), sessions.established);
  sessions.udp = ticks(tracking.udp_timeout_s(), sessions.udp);
  for (const v1::Endpoint& endpoint : structure.endpoints()) {
    if (endpoint.place_case() != v1::Endpoint::kPort) continue;
    limits.quotas.emplace_back(PortId(static_cast<uint16_t>(endpoint.port())),
                               share(endpoint.session_quota()));
  }
  return limits;
}

}  // namespace outrigger::engine
