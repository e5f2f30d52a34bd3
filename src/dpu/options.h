// outriggerd's command line.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace outrigger::agent {

enum class HugePages : uint8_t { kAuto, kOn, kOff };
// Everything in this process, or ports and engines in processes that outlive it; auto: split when it is
// possible.
enum class Mode : uint8_t { kAuto, kSplit, kSolo };

struct Options {
  std::string node;  // the machine's host name when left out
  std::string state = "/var/lib/outrigger";
  std::string socket = "/run/outrigger/outriggerd.sock";
  std::string uplink_device = "net_tap0,iface=uplink";
  std::string endpoint_device = "net_tap%u,iface=ep%u";
  unsigned workers = 1;
  std::vector<unsigned> worker_cpus;
  uint32_t sessions = 1u << 16;  // of each worker
  uint32_t buffers = 16384;
  uint32_t rules = 1u << 20;
  unsigned memory_mib = 0;  // 0: what sessions and buffers need
  HugePages huge_pages = HugePages::kAuto;
  std::string eal;
  std::string log_level = "info";
  std::string listen;       // "10.0.0.1:7443", the API over mTLS; empty: the Unix socket alone
  std::string host_link;    // "169.254.7.1:7444"; empty: none
  std::string certificate;  // of role dpu, for both, with its key unless that has its own file
  std::string key;
  std::string authority;
  std::string bundle_key;  // signs what the host is given; empty: bundle.key in `state`, made when missing
  std::string metrics;     // "127.0.0.1:9464": /livez, /readyz and /metrics; empty: none
  bool reflection = false;
  Mode mode = Mode::kAuto;
  std::string programs;                // folder of outrigger-ports; empty: beside this program
  std::string engines;                 // folder of <version>/outrigger-engine; empty: the usual one
  std::string engine_version;          // empty: chosen by an upgrade before, ours, or the highest installed
  std::string runtime;                 // folder of sockets and logs; empty: beside the API's socket
  std::vector<unsigned> control_cpus;  // of ports' and engines' control threads
  unsigned bar_failures = 3;
  unsigned bar_window = 60;  // seconds
};

// nullopt: the program ends with *code, everything said.
std::optional<Options> parse_options(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
                                     int* code);

// With `free_huge_mib` of huge pages free, which decides kAuto.
engine::EngineOptions engine_options(const Options& options, uint64_t free_huge_mib);
unsigned huge_mib_wanted(const Options& options);  // in split mode

}  // namespace outrigger::agent
