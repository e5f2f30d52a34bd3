// Every service that is probed on this node, with its contract: those of the engine, which have one when
// nobody wrote any, the parts of the node itself, and what Service objects add or put in another's place.
#pragma once

#include <string>
#include <vector>

#include "manifest/objects.h"

namespace outrigger::agent {

struct Contract {
  manifest::Service service;
  bool built_in = false;  // of the engine, or a part of the node
};

// By name.  `version` is that of the engine: what built-ins have when nothing says otherwise.
std::vector<Contract> contracts(const std::vector<const manifest::Object*>& objects,
                                const std::string& version);

inline constexpr char kEngineService[] = "engine";  // heartbeats of its workers
inline constexpr char kStoreService[] = "store";    // what the agent keeps can be written and read

}  // namespace outrigger::agent
