#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "lab/lab.h"

namespace outrigger::cli {

namespace {

constexpr const char* kDefaultSocket = "/run/outrigger/outriggerd.sock";
constexpr const char* kVersion = "0.1.0";

constexpr const char* kFooter = R"(
Get going:
  outrigger lab up                                        hosts, DPUs and a fabric in namespaces
  outrigger apply -f examples/two-hosts --lab default     put manifests in force
  outrigger explain shop/client-1 shop/web-1 --proto tcp --port 8080 --lab default

Exit codes: 0 ok, 1 error, 2 wrong usage, 3 differs (diff).  `outrigger COMMAND --help` shows each with an example.)";

std::string socket_of(const Context& context) {
  if (!context.socket.empty()) return context.socket;
  const char* named = std::getenv("OUTRIGGER_SOCKET");
  return named == nullptr || *named == '\0' ? kDefaultSocket : named;
}

}  // namespace

void Context::fail(std::string_view message) {
  err << "error: " << message << '\n';
  code = kError;
}

void Context::fail(const absl::Status& status) { fail(std::string(status.message())); }

void Context::fail(const Target& target, const absl::Status& status) {
  fail(target.node.empty() ? std::string(status.message())
                           : absl::StrCat("node ", target.node, ": ", status.message()));
}

void add_target_options(CLI::App& command, Context& context) {
  auto* socket =
      command.add_option("--socket", context.socket, "the daemon's Unix socket [$OUTRIGGER_SOCKET]")
          ->type_name("PATH")
          ->default_str(kDefaultSocket);
  auto* lab = command.add_option("--lab", context.lab, "speak to the nodes of this lab")->type_name("NAME");
  command.add_option("--node", context.node, "of the lab, this node alone")->type_name("NODE")->needs(lab);
  add_remote_options(command, context.remote, *lab, *socket);
}

absl::StatusOr<std::vector<Target>> targets(const Context& context) {
  if (context.lab.empty()) {
    if (const Remote remote = with_environment(context.remote);
        context.socket.empty() && !remote.server.empty()) {
      absl::StatusOr<std::shared_ptr<Api>> api = connect_remote(remote);
      if (!api.ok()) return api.status();
      return std::vector<Target>{{"", *std::move(api)}};
    }
    return std::vector<Target>{{"", context.connect(socket_of(context))}};
  }
  const auto sockets = lab::sockets(context.lab);
  if (!sockets.ok()) return sockets.status();
  std::vector<Target> found;
  std::string names;
  for (const lab::NodeSocket& one : *sockets) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", one.node);
    if (context.node.empty() || context.node == one.node)
      found.push_back({one.node, context.connect(one.path)});
  }
  if (!found.empty()) return found;
  return absl::NotFoundError(absl::StrCat("lab \"", context.lab, "\" has no dpu node \"", context.node,
                                          "\"; it has: ", names.empty() ? "none" : names));
}

absl::StatusOr<Target> target(const Context& context) {
  auto all = targets(context);
  if (!all.ok()) return all.status();
  return all->front();
}

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err, Connect connect,
        bool terminal) {
  Context context{out, err, std::move(connect), terminal};
  CLI::App app("Outrigger: a packet path on DPUs - switch, policy and overlay - that explains itself.",
               "outrigger");
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default(false);
  add_config_commands(app, context);
  add_get_command(app, context);
  add_explain_command(app, context);
  add_look_commands(app, context);
  add_top_command(app, context);
  add_incidents_command(app, context);
  add_logs_command(app, context);
  add_health_command(app, context);
  add_policy_commands(app, context);
  add_inventory_command(app, context);
  add_plan_command(app, context);
  add_audit_commands(app, context);
  add_measure_command(app, context);
  add_scorecard_command(app, context);
  add_pki_commands(app, context);
  add_engine_commands(app, context);
  add_rollout_commands(app, context);
  add_fallback_commands(app, context);
  add_lab_commands(app, context);
  app.add_subcommand("version", "Print the version.\nExample: outrigger version")->callback([&context] {
    context.out << "outrigger " << kVersion << '\n';
  });
  app.footer(kFooter);  // last: commands would take it over
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    app.exit(help, out, err);
    return kOk;
  } catch (const CLI::ParseError& error) {
    app.exit(error, out, err);
    return kUsage;
  }
  return context.code;
}

}  // namespace outrigger::cli
