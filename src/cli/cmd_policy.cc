#include "cli/commands.h"
namespace outrigger::cli {
void add_policy_commands(CLI::App&, Context&) {}
}  // namespace outrigger::cli
