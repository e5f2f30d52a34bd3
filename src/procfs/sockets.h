// What the sockets of a network namespace are for, by inode: "packet", "raw icmp", "netlink:route",
// "listen tcp 0.0.0.0:22".  Connected ones are nobody's privilege and left out.
//
// The kernel lists listening TCP sockets before all others (tcp_seq_start), so that reading stops there and a
// hundred thousand connections cost nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace outrigger::procfs {

struct Sockets {
  absl::flat_hash_map<uint64_t, std::string> by_inode;
  std::vector<std::string> missing;  // "/proc/7/net/packet: Permission denied"; absent files are none
};

// Those of the namespace that process `pid` is in.
Sockets read_sockets(uint32_t pid, const std::string& root = "/proc");

// One file of /proc/PID/net: "tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet", "netlink".  Lines that
// are none are passed over.
void parse_sockets(std::string_view file, std::string_view text, Sockets& to);

}  // namespace outrigger::procfs
