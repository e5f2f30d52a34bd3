// What outrigger-ports is told on its command line.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/node_memory.h"
#include "ports/beats.h"

namespace outrigger::ports {

struct Options {
  std::string folder;  // of sockets and DPDK's files
  engine::WorkerSizes sizes;
  std::vector<unsigned> worker_cpus;
  uint32_t buffers = 16384;
  unsigned memory_mib = 128;     // for packet buffers and DPDK itself
  std::vector<std::string> eal;  // further arguments of DPDK's
  BeatLimits limits;
  uid_t engine_uid = 61201;
  std::optional<uid_t> agent_uid;  // may command, beside root
  bool reserve_huge_pages = false;
  bool sandbox = true;
};

// Nullopt: help or version was printed.  InvalidArgument says what is wrong.
absl::StatusOr<std::optional<Options>> parse_options(int argc, char** argv);

}  // namespace outrigger::ports
