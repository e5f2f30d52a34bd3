// What the kernel does for the network without any process: tables of rules, tunnels, bridges, tracked
// connections.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::inventory {

struct KernelWork {
  std::string service;              // "nftables inet filter", "vxlan", "bridge", "conntrack", "ipsec", "tc"
  std::vector<std::string> tables;  // what it consists of: "vxlan vx100", ...
  std::string detail;               // figures, in words
  uint64_t state = 0;               // bytes
};

struct KernelLook {
  std::vector<KernelWork> work;
  std::vector<std::string> missing;  // "nftables: Operation not permitted"
};

// Of the network namespace of the thread that asks.
KernelLook look_at_kernel(const std::string& root = "/proc");
// Of each of these: names of `ip netns`, or paths.  What two have of one kind is one piece of work; tables of
// all but the first, the host's, say where they are.
KernelLook look_at_kernel_in(const std::vector<std::string>& networks);
// Inode of a network namespace: what processes in it have in /proc/PID/ns/net.
absl::StatusOr<uint64_t> network_inode(const std::string& network);

// Its parts, each for one question to the kernel.
void look_at_nftables(KernelLook& to);
void look_at_links(KernelLook& to);  // tunnels, bridges, OVS, tc
void look_at_ipsec(KernelLook& to);
void look_at_conntrack(const std::string& root, KernelLook& to);
void look_at_legacy_tables(const std::string& root, KernelLook& to);  // iptables as it was before nftables

}  // namespace outrigger::inventory
