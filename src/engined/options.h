// What outrigger-engine is told on its command line.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace outrigger::engined {

struct Options {
  std::string folder;    // of the ports process
  std::string instance;  // its control socket is FOLDER/INSTANCE.sock
  bool describe = false;
  bool version = false;
  uid_t uid = 61201;  // when started as root
  std::optional<uid_t> agent_uid;
  bool sandbox = true;
};

// Nullopt: help was printed.
absl::StatusOr<std::optional<Options>> parse_options(int argc, char** argv);

}  // namespace outrigger::engined
