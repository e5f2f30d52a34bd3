// Every process of this host as it is now, with what its open files stand for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inventory/bpf.h"
#include "procfs/process.h"

namespace outrigger::inventory {

struct Seen {
  procfs::Process process;
  std::vector<std::string> sockets;  // "packet", "netlink:route", "listen tcp 0.0.0.0:22"; each once
  std::vector<std::string> bpf;      // "xdp filter"
};

struct Look {
  std::vector<Seen> processes;
  uint64_t net_namespace = 0, pid_namespace = 0;  // this program's own: the host's, as it sees it
  uint32_t other_networks = 0;                    // namespaces besides
  std::vector<BpfProgram> unheld;                 // eBPF programs that no process holds
  std::vector<std::string> not_seen;              // in words, like together
};

struct LookOptions {
  std::string root = "/proc";
  bool this_network = false;  // only processes of this program's own network namespace
  uint32_t skip = 0;          // a process that is not looked at: this one
};

Look look(const LookOptions& options, const std::vector<BpfProgram>& programs);

}  // namespace outrigger::inventory
