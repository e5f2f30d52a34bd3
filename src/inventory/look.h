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
  uint64_t net_namespace = 0, pid_namespace = 0;  // the host's, as this program sees it
  uint32_t other_networks = 0;                    // namespaces besides those that were asked for
  std::vector<BpfProgram> unheld;                 // eBPF programs that no process holds
  std::vector<std::string> not_seen;              // in words, like together
};

struct LookOptions {
  std::string root = "/proc";
  // Only processes in these network namespaces (inodes), of which the first is the host's; none: everywhere,
  // and this program's own is the host's.
  std::vector<uint64_t> networks;
  uint32_t skip = 0;  // a process that is not looked at: this one
};

Look look(const LookOptions& options, const std::vector<BpfProgram>& programs);

}  // namespace outrigger::inventory
