// The files a plan is made from, for the commands that make one.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "offload/plan.h"

namespace outrigger::cli {

struct PlanFiles {
  std::string inventory = "-";
  std::string rules;
};

struct Planned {
  offload::Inventory inventory;
  offload::Plan plan;
};

void add_plan_files(CLI::App& command, PlanFiles& files);
// Errors name the file and the line.
absl::StatusOr<Planned> read_plan(const PlanFiles& files);

}  // namespace outrigger::cli
