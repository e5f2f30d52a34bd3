#include "scenario/steering.h"

#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/process.h"

namespace outrigger::scenario {
namespace {

// `ip netns exec` mounts a /sys that shows the namespace's own devices.
absl::Status in_shell(const std::string& netns, const std::string& script) {
  return lab::run({"ip", "netns", "exec", netns, "sh", "-c", script}).status();
}

absl::Status receive_on(const std::string& netns, const std::string& mask) {
  return in_shell(netns, absl::StrCat("for queue in /sys/class/net/*/queues/rx-*/rps_cpus; do echo ", mask,
                                      " > $queue || exit 1; done"));
}

absl::Status send_packets_of_mtu(const std::string& netns, const std::string& device) {
  return in_shell(netns, absl::StrCat("ethtool -K ", device, " tso off gso off"));
}

}  // namespace

absl::Status steer(const std::string& lab_name, const World& world) {
  const std::string host_cpu = "1", other_cpu = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "2" : "1";
  std::vector<std::string> of_host = {lab::host_netns(lab_name, kServedNode)};
  std::vector<std::string> others = {lab::fabric_netns(lab_name), lab::node_netns(lab_name, kServedNode),
                                     lab::node_netns(lab_name, kPeerNode)};
  for (const std::string& path :
       lab::namespaces(absl::StrCat(lab::prefix(lab_name), "fb.", kServedNode, ".")))
    of_host.push_back(path);
  for (const Guest& one : world.guests)
    (one.served ? of_host : others).push_back(lab::endpoint_netns(lab_name, one.endpoint));
  for (const std::string& netns : of_host) {
    if (absl::Status status = receive_on(netns, host_cpu); !status.ok()) return status;
  }
  for (const std::string& netns : others) {
    if (absl::Status status = receive_on(netns, other_cpu); !status.ok()) return status;
  }
  for (const std::string& netns :
       {lab::host_netns(lab_name, kServedNode), lab::node_netns(lab_name, kPeerNode)}) {
    if (absl::Status status = send_packets_of_mtu(netns, "uplink"); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace outrigger::scenario
