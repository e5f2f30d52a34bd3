// Shared memory of several processes needs 2 MiB pages that somebody has reserved.  On a laptop nobody has: a
// lab adds what its nodes need to the kernel's pool, notes how much, and gives it back.  Several labs share
// the pool, so only differences are written, one at a time.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace outrigger::lab {

inline constexpr unsigned kLabBuffers = 16384;  // packets of a node, unless --buffers says otherwise
inline constexpr unsigned kLabSessions = 65536;

// 2 MiB pages for one node: packet buffers, sessions, counters, and what DPDK wants for itself.  Reads
// --workers,
// --sessions, --buffers and --rules from a daemon's arguments.
unsigned huge_pages_for(const std::vector<std::string>& daemon_arguments);

// Adds pages to the kernel's pool.  ResourceExhausted, and nothing changed, when it cannot find so many.
absl::Status add_huge_pages(unsigned pages);
void remove_huge_pages(unsigned pages);

// Removes the file systems mounted below `folder`.
void unmount_below(const std::string& folder);

}  // namespace outrigger::lab
