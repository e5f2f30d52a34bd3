#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "audit/attempts.h"
#include "audit/doors.h"
#include "audit/scene.h"
#include "audit/udp.h"

namespace outrigger::audit {
namespace {

// DNS, DHCP, TFTP, NTP, SNMP, QUIC, syslog, RMCP, and tunnels.
constexpr auto kWellKnown = std::to_array<uint16_t>({53, 67, 69, 123, 161, 443, 514, 623});
constexpr auto kTunnels = std::to_array<uint16_t>({4789, 6081});

// On a tunnel address nodes speak to each other: what a host may say there is tunnel-host's question.
std::vector<uint16_t> ports_of(const Settings& settings, IpAddress address) {
  std::vector<uint16_t> ports(kWellKnown.begin(), kWellKnown.end());
  const auto& tunnels = settings.underlay;
  if (std::find(tunnels.begin(), tunnels.end(), address) == tunnels.end())
    ports.insert(ports.end(), kTunnels.begin(), kTunnels.end());
  for (const Endpoint& door : known_doors(settings)) {
    if (door.address == address && std::find(ports.begin(), ports.end(), door.port) == ports.end())
      ports.push_back(door.port);
  }
  return ports;
}

std::string outcome_at(IpAddress address, const UdpLook& found, const std::vector<uint16_t>& ports) {
  const std::string what = absl::StrCat(address.str(), ": ");
  if (!found.way) return absl::StrCat(what, "no route from the host");
  if (!found.tells)
    return absl::StrCat(what, "no answer from ", ports.size(),
                        " ports, and none from a closed one: not provable there");
  return absl::StrCat(what, found.refused, " of ", ports.size(), " refused (", absl::StrJoin(ports, ", "),
                      ")");
}

}  // namespace

Verdict try_udp_ports(Scene& scene) {
  const std::vector<IpAddress> addresses = dpu_addresses(scene.settings());
  if (addresses.empty()) return not_tried("no address of the DPU is known (--link, --dpu-address)");
  std::vector<std::string> seen;
  bool proven = false;
  for (const IpAddress address : addresses) {
    const std::vector<uint16_t> ports = ports_of(scene.settings(), address);
    const auto found = look_at_udp("", address, ports);
    if (!found.ok()) return not_tried(said(found.status()));
    if (!found->answered.empty())
      return broken(absl::StrCat(Endpoint{address, found->answered.front()}.str(), " answers by UDP"));
    if (found->tells && !found->silent.empty())
      return broken(absl::StrCat(Endpoint{address, found->silent.front()}.str(),
                                 " takes UDP in silence, where closed ports are refused"));
    proven |= found->tells && found->refused == ports.size();
    seen.push_back(outcome_at(address, *found, ports));
  }
  const std::string all = absl::StrJoin(seen, "; ");
  return proven ? held(all) : not_tried(all);
}

}  // namespace outrigger::audit
