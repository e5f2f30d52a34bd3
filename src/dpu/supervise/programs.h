// Which programs the agent starts, where they lie, and what they are told on their command lines.
//
//   outrigger-ports --runtime FOLDER --workers N [--cpus A,B] --sessions N --buffers N --rules N --memory MIB
//                   --huge-pages on|off --reserve-huge-pages [--eal TEXT]      serves FOLDER/ports.sock
//   outrigger-engine --runtime FOLDER --instance NAME     attaches there, is controlled at FOLDER/NAME.sock
//   outrigger-engine --describe                           {"version": "0.1.0", "session_layout": 1,
//   "memory_layout": 1}
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/engine.h"

namespace outrigger::agent {

struct Programs {
  std::string ports;                  // path of outrigger-ports
  std::string engines;                // folder with <version>/outrigger-engine
  std::string runtime;                // folder of sockets, process files and logs
  std::vector<unsigned> engine_cpus;  // of the engines' control threads; empty: any
  std::vector<unsigned> ports_cpus;
};

std::string ports_socket(const Programs& programs);
std::string control_socket(const Programs& programs, const std::string& instance);
std::string log_of(const Programs& programs, const std::string& instance);
std::string ports_log(const Programs& programs);
std::string engine_path(const Programs& programs, const std::string& version);

std::vector<std::string> ports_command(const Programs& programs, const engine::EngineOptions& options);
std::vector<std::string> engine_command(const Programs& programs, const std::string& version,
                                        const std::string& instance);

// Versions installed below the engines' folder, highest first ("0.10.0" before "0.9.1").
std::vector<std::string> installed_versions(const Programs& programs);
bool version_less(const std::string& a, const std::string& b);

// What a version says about itself.  NotFound: missing; PermissionDenied: not executable; DeadlineExceeded,
// Internal: it hangs or fails, with its last words.
struct EngineDescription {
  std::string version;
  uint32_t session_layout = 0;
  uint32_t memory_layout = 0;
};
absl::StatusOr<EngineDescription> describe_engine(const Programs& programs, const std::string& version,
                                                  absl::Duration patience = absl::Seconds(5));
absl::StatusOr<EngineDescription> parse_description(const std::string& text);

// Where the programs are when nobody says: beside `self`, or in the build tree it lies in.
std::string default_programs_folder(const std::string& self);
std::string default_engines_folder(const std::string& self);

}  // namespace outrigger::agent
