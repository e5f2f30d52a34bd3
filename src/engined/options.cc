#include "engined/options.h"

#include <CLI/CLI.hpp>

namespace outrigger::engined {

absl::StatusOr<std::optional<Options>> parse_options(int argc, char** argv) {
  Options out;
  unsigned agent_uid = 0;
  CLI::App app(
      "Moves a node's packets; attaches to its ports process and stands by until it gets the queues.");
  app.add_option("--runtime,--folder", out.folder, "folder of the ports process");
  app.add_option("--instance", out.instance, "name of its control socket, FOLDER/NAME.sock");
  app.add_flag("--describe", out.describe, "print version and layouts as JSON");
  app.add_flag("--version,--version-report", out.version, "print the version");
  app.add_option("--uid", out.uid, "user and group to become, when started as root");
  app.add_option("--agent-uid", agent_uid, "user that may control it, beside root");
  app.add_flag("!--no-sandbox", out.sandbox, "keep every right (for debugging)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return absl::InvalidArgumentError(error.what());
    (void)app.exit(error);
    return std::optional<Options>();
  }
  if (agent_uid != 0) out.agent_uid = agent_uid;
  if (!out.describe && !out.version && (out.folder.empty() || out.instance.empty()))
    return absl::InvalidArgumentError("--runtime and --instance are needed");
  while (out.folder.size() > 1 && out.folder.back() == '/') out.folder.pop_back();
  return out;
}

}  // namespace outrigger::engined
