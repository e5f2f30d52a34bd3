// A process that parses hostile packets, or serves those that do, should be able to do little else.  Each
// process names what it still needs and gets the rest taken away, by as many independent means as the kernel
// offers; what could not be taken away is said, never passed over.
// Before other threads are started: Landlock and capabilities bind the calling thread and those it starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outrigger {

struct SandboxSpec {
  std::optional<uint32_t> uid;  // and gid; numbers, no entry in passwd is needed
  std::optional<uint32_t> gid;
  std::vector<int> capabilities;      // CAP_*, kept; every other one leaves the bounding set too
  std::vector<std::string> readable;  // files and folders with all in them
  std::vector<std::string> writable;  // made, changed and removed, too
  bool network_sockets = false;       // other than Unix ones
  bool run_programs = false;
  bool enter_namespaces = false;  // those that others made
  bool mount = false;             // and make them, and mounts: Landlock allows none, so it is left out
  bool dump_core = false;
};

struct SandboxReport {
  std::vector<std::string> enforced;      // "uid 61201", "no-new-privileges", "seccomp", ...
  std::vector<std::string> not_enforced;  // "landlock: this kernel has none"
};

// Goes on where a part fails.
SandboxReport enter_sandbox(const SandboxSpec& spec);

}  // namespace outrigger
