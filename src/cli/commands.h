// Every command of `outrigger`, in the order of its help.  A command writes its result to `out`, what went
// wrong to `err`, and its exit code to `code`; nothing else ends the program.
#pragma once

#include <CLI/CLI.hpp>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/api.h"
#include "cli/remote.h"

namespace outrigger::cli {

enum Exit : int { kOk = 0, kError = 1, kUsage = 2, kDiffers = 3 };

// One daemon to speak to.
struct Target {
  std::string node;  // set in a lab
  std::shared_ptr<Api> api;
};

struct Context {
  std::ostream& out;
  std::ostream& err;
  Connect connect;
  bool terminal = false;  // out is one
  int code = kOk;

  // Options shared by the commands that speak to daemons.
  std::string socket{};
  std::string lab{};
  std::string node{};
  Remote remote{};

  // Reports and sets the code to 1.
  void fail(const absl::Status& status);
  void fail(std::string_view message);
  // The same of one of several: the others are asked all the same.
  void fail(const Target& target, const absl::Status& status);
};

// The daemon of --socket or --server, or those of --lab, narrowed by --node.
absl::StatusOr<std::vector<Target>> targets(const Context& context);
// As targets, for commands that ask one daemon: the lab's first when none is named.
absl::StatusOr<Target> target(const Context& context);

// Adds --socket, --lab and --node, and those of remote.h.
void add_target_options(CLI::App& command, Context& context);

void add_config_commands(CLI::App& app, Context& context);    // validate apply diff delete
void add_get_command(CLI::App& app, Context& context);        // get
void add_explain_command(CLI::App& app, Context& context);    // explain
void add_look_commands(CLI::App& app, Context& context);      // sessions stats drops capacity
void add_top_command(CLI::App& app, Context& context);        // top
void add_incidents_command(CLI::App& app, Context& context);  // incidents
void add_logs_command(CLI::App& app, Context& context);       // logs
void add_health_command(CLI::App& app, Context& context);     // health
void add_policy_commands(CLI::App& app, Context& context);    // policy check
void add_inventory_command(CLI::App& app, Context& context);  // inventory
void add_plan_command(CLI::App& app, Context& context);       // plan
void add_plan_apply(CLI::App& plan, Context& context);        // plan apply
void add_measure_command(CLI::App& app, Context& context);    // measure
void add_scorecard_command(CLI::App& app, Context& context);  // scorecard
void add_audit_commands(CLI::App& app, Context& context);     // audit boundary
void add_pki_commands(CLI::App& app, Context& context);       // pki init issue rotate authority list
void add_engine_commands(CLI::App& app, Context& context);    // engine list upgrade rollback, generations
void add_rollout_commands(CLI::App& app, Context& context);   // rollout start status history pause ...
void add_fallback_commands(CLI::App& app, Context& context);  // fallback status order return, drill
void add_lab_commands(CLI::App& app, Context& context);       // lab up down status exec run
void add_lab_run_command(CLI::App& lab, Context& context);    // below lab

// $OUTRIGGERD, else the outriggerd beside this program or in the same build, else what $PATH finds.
std::string daemon_program();

// The whole program: parses, runs, returns the exit code.
int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err, Connect connect,
        bool terminal = false);

}  // namespace outrigger::cli
