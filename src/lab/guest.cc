#include "lab/guest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "lab/host_side.h"
#include "lab/netns.h"

namespace outrigger::lab {
namespace {

// udhcpc calls it with what the server said; unlike Debian's own script it leaves the machine's /etc alone.
constexpr std::string_view kDhcpScript = R"(#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr replace "$ip/${mask:-32}" dev "$interface"
[ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
for gateway in $router; do ip route replace default via "$gateway" dev "$interface"; done
exit 0
)";

absl::StatusOr<std::string> dhcp_script(const State& state) {
  const std::string file = state.folder() + "/dhcp-event";
  if (access(file.c_str(), X_OK) == 0) return file;  // another endpoint's client may be running it
  std::ofstream out(file, std::ios::trunc);
  out << kDhcpScript;
  out.close();
  if (!out || chmod(file.c_str(), 0755) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("write ", file));
  return file;
}

// Keeps asking in the background until somebody answers; ends by itself when its device goes.
absl::Status ask_dhcp(const State& state, const PlannedEndpoint& endpoint) {
  const absl::StatusOr<std::string> script = dhcp_script(state);
  if (!script.ok()) return script.status();
  return start({"ip", "netns", "exec", endpoint.netns, "udhcpc", "-f", "-t", "5", "-T", "1", "-A", "1", "-O",
                "mtu", "-i", "eth0", "-s", *script},
               {}, "/dev/null", Side::kHost)
      .status();
}

}  // namespace

Settings guest_settings(bool dhcp) {
  const std::string on = dhcp ? "1" : "0";
  return {{"ipv6/conf/default/accept_dad", "0"},
          {"ipv6/conf/default/accept_ra", on},
          {"ipv6/conf/default/router_solicitations", dhcp ? "3" : "0"},
          {"ipv6/conf/default/router_solicitation_delay", "0"}};
}

absl::Status set_up_guest(const State& state, const PlannedEndpoint& endpoint, bool dhcp) {
  if (state.setup(endpoint.name) == endpoint.setup) return absl::OkStatus();
  // The host carries its traffic: outrigger-host moves what makes the endpoint, when the time has come.
  const std::vector<std::string> present = devices(endpoint.netns);
  if (std::find(present.begin(), present.end(), kFallbackDevice) != present.end())
    return state.save_setup(endpoint.name, endpoint.setup);
  if (absl::Status status = ip_batch(endpoint.netns, endpoint.setup); !status.ok()) return status;
  if (dhcp && !endpoint.plain) {
    if (absl::Status status = ask_dhcp(state, endpoint); !status.ok()) return status;
  }
  return state.save_setup(endpoint.name, endpoint.setup);
}

}  // namespace outrigger::lab
