// What an engine is given by the ports process to attach to: its slot, the node memory, the packet buffers
// and the ports.  DPDK runs as a secondary of the ports process.  Nothing is allocated in DPDK's shared heap
// nor named in its shared lists, because a process killed in there leaves their locks held for all others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/program.h"
#include "engine/port_source.h"

namespace outrigger::engine {

inline constexpr unsigned kLcoresPerSlot = 31;

// Of worker `worker`; the control thread has the one before the first.  Different in every process, because
// the buffers' caches are found by them.
constexpr unsigned lcore_of(unsigned slot, unsigned worker) { return slot * kLcoresPerSlot + 1 + worker; }

struct Attachment {
  unsigned slot = 0;
  int memory_fd = -1;                 // taken, also on failure
  std::unique_ptr<PortSource> ports;  // made before DPDK runs; used after
  std::string pool;                   // name of the packet buffers
  // Every argument of DPDK's, the program's name first, with --proc-type=secondary, --file-prefix and
  // --lcores that holds lcore_of(slot, w) for each worker.  Empty: DPDK runs already (tests).
  std::vector<std::string> eal;
  std::string version;
  std::unique_ptr<ProcessRank> rank;  // null: nothing is done about it
};

}  // namespace outrigger::engine
