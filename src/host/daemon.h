// The daemon put together: the keeper of the lease, the fallback, the log and its way to the DPU, local
// questions, and the sandbox around all of it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "host/link_client.h"

namespace outrigger::host {

struct DaemonOptions {
  std::string node, key, endpoints, bundle;
  std::string folder = "/var/lib/outrigger-host";
  std::string socket = "/run/outrigger-host.sock";
  std::string log_socket;  // empty: beside `socket`
  std::string prefix = "orfb-";
  LinkOptions link;
  double steady_s = 5, lease_s = 3;
  double log_mib = 32;  // on disk, before the oldest is dropped
  bool sandbox = true;
  bool observe = true;    // measure this host's noise, within bounds
  std::string work;       // URL of an application whose latency is measured, too
  double work_rate = 10;  // requests a second
};

// "/run/outrigger-host-log.sock" of "/run/outrigger-host.sock".
std::string log_socket_of(const DaemonOptions& options);

// Until SIGTERM or SIGINT.  True: the host path is in force, and stays so.
absl::StatusOr<bool> serve(const DaemonOptions& options);

}  // namespace outrigger::host
