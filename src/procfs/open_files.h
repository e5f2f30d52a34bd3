// Which sockets and eBPF programs a process holds: what it listens to and what it has loaded is known to the
// kernel under numbers that only /proc/PID/fd ties to a process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "procfs/process.h"

namespace outrigger::procfs {

inline constexpr size_t kMaxOpenFiles = 100'000;  // looked at, of one process

struct OpenFiles {
  std::vector<uint64_t> sockets;  // inodes
  std::vector<uint32_t> bpf;      // ids of programs
  bool cut = false;               // there were more than kMaxOpenFiles
};

// NotFound: it has ended, and perhaps another has its number.  PermissionDenied: not ours to see.
absl::StatusOr<OpenFiles> read_open_files(const Process& process, const std::string& root = "/proc");

// "socket:[123]" is 123; 0: no socket.
uint64_t parse_socket_link(std::string_view link);
// prog_id of a program's fdinfo; 0: not there.
uint32_t parse_program_id(std::string_view fdinfo);

}  // namespace outrigger::procfs
