// Two hosts, their DPUs and a fabric are hard to come by; network namespaces are not.  A lab is made from the
// manifests alone: a namespace for each endpoint, one for the DPU of each `dpu` node with an outriggerd in
// it, one with a kernel vxlan device for each `plain` node, and a fabric that joins the uplinks.
//
// Theory of operation.  A port's tap appears in the namespace that the DPU's processes run in; the lab waits
// for them and moves each to where its cable would end: the uplink into the fabric's bridge, an endpoint's
// tap into the endpoint's namespace as eth0.  A device exists once its endpoint is applied, so `up` applies
// the topology (Node, Network, Namespace, Endpoint; no policies) and `sync` follows every later apply.
// Everything made carries the prefix "or-<lab>."; processes are known by pid and start time.  So `down` needs
// nothing but the name. Thread-safety: one call at a time in a process; calls of several processes on one lab
// wait for each other.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace outrigger::lab {

inline constexpr char kDefaultName[] = "default";
inline constexpr char kStateRoot[] = "/run/outrigger/lab";

// Split: ports, engines and agent of a node are processes of their own, on huge pages that the lab reserves.
// Solo: one process.  Auto: split where huge pages can be had and the programs are installed, else solo.
enum class Mode { kAuto, kSplit, kSolo };

struct LabOptions {
  std::string name = kDefaultName;            // lower-case letters, digits, '-', '_'; at most 32
  std::string manifests;                      // file or folder; empty: examples/two-hosts
  std::string daemon = "outriggerd";          // path of the program that runs on the DPUs
  std::vector<std::string> daemon_arguments;  // further arguments for every daemon
  Mode mode = Mode::kAuto;
  bool dhcp = false;  // endpoints ask DHCP and listen to router advertisements
};

// The API of one dpu node, for `apply --lab N`.
struct NodeSocket {
  std::string node;
  std::string path;  // Unix socket
};

// How the lab speaks to a daemon.  The caller brings it, so that the lab needs no gRPC.
struct NodeApi {
  // Applies YAML documents, as `outrigger apply` would.  Unavailable while the daemon does not answer: tried
  // again.
  std::function<absl::Status(const NodeSocket&, std::string_view yaml)> apply;
  // The desired state as YAML documents, as `outrigger get` prints all of it.
  std::function<absl::StatusOr<std::string>(const NodeSocket&)> get;
  // Devices of the attached ports: "shop/web-1" -> "tap,iface=ep3"; "" -> the uplink's.
  std::function<absl::StatusOr<std::map<std::string, std::string>>(const NodeSocket&)> devices;
};

using Progress = std::function<void(std::string_view line)>;

// Makes the lab and applies the topology.  A lab that exists is repaired: dead daemons are started, devices
// put back. Ctrl-C (SIGINT, SIGTERM) and every failure undo what this call made; Cancelled is the status of
// the former. FailedPrecondition says what is missing: root, a tool, a kernel module.
absl::Status up(const LabOptions& options, const NodeApi& api, const Progress& progress);

// The DPU of a node is dead altogether: every process of its side is killed, its place in the fabric is down.
// `thaw` brings it back as it was.
absl::Status freeze(const std::string& name, const std::string& node);
absl::Status thaw(const std::string& name, const std::string& node, const NodeApi& api);

// Ends the lab's processes and removes all it made, from whatever is found; OK when there is nothing.
absl::Status down(const std::string& name);

// Follows the desired state of the lab's nodes: namespaces and devices for endpoints that came, none for
// those that went.  Call after each apply and delete.
absl::Status sync(const std::string& name, const NodeApi& api);

// Sockets of the lab's dpu nodes by node name.  NotFound when there is no such lab.
absl::StatusOr<std::vector<NodeSocket>> sockets(const std::string& name);

// Becomes a program in the namespace of "shop/web-1", "node/host-a" or "fabric", on the host's CPU: returns
// only when it cannot.  Exit status, signals and terminal are then the program's own.
absl::Status exec(const std::string& name, const std::string& where, const std::vector<std::string>& argv);

struct ProcessStatus {
  std::string program;  // "outriggerd", "outrigger-ports", "outrigger-engine"
  pid_t pid = 0;
};

struct NodeStatus {
  std::string node;
  std::string kind;  // "dpu", "plain", "fabric"
  std::string netns;
  pid_t pid = 0;  // of the daemon; 0: none runs
  bool ready = false;
  std::string why;     // when not ready
  std::string socket;  // of a dpu node
  std::string mode;    // of a dpu node: "split", "solo"
  std::vector<ProcessStatus> processes;
};

struct EndpointStatus {
  std::string endpoint;  // "shop/web-1"
  std::string node;
  std::string netns;
  std::vector<std::string> addresses;
  bool ready = false;  // has its device, and it is up
};

struct LabStatus {
  std::string name;
  std::string manifests;
  bool ready = false;  // every node and endpoint is
  std::vector<NodeStatus> nodes;
  std::vector<EndpointStatus> endpoints;
};

absl::StatusOr<LabStatus> status(const std::string& name);
[[nodiscard]] std::string_view text(Mode mode);
std::vector<std::string> names();  // labs with state or namespaces on this machine

[[nodiscard]] std::string table(const LabStatus& status);  // for people
[[nodiscard]] std::string json(const LabStatus& status);   // one object

}  // namespace outrigger::lab
