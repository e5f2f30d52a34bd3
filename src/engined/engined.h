// outrigger-engine: one version of engine and services in a process of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/session.h"
#include "engine/tables.h"

namespace outrigger::engined {

// What differs from one version to another.
struct Version {
  std::string name;
  std::function<std::unique_ptr<engine::TableBuilder>()> builder;
  uint32_t session_layout = engine::kSessionLayout;
  std::function<void()> at_start;  // before anything else that is not a question
};

// The program: its exit status.
int run(int argc, char** argv, const Version& version);

}  // namespace outrigger::engined
