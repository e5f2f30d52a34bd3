// outrigger-host: the host's side of a node.  See --help.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>

#include "absl/time/clock.h"
#include "base/local_socket.h"
#include "base/number_option.h"
#include "base/record.h"
#include "host/bundle.h"
#include "host/daemon.h"
#include "host/inbox.h"
#include "host/observe.h"
#include "host/path.h"
#include "host/ruleset.h"
#include "nlohmann/json.hpp"

namespace outrigger::host {
namespace {

constexpr char kHelp[] =
    R"(The host's side of an Outrigger node.  The DPU carries the traffic; this program keeps a lease on it, and the
kernel path (bridge, vxlan, nftables) ready but closed.  When the lease ends, or an operator orders it, the
endpoints' ports at the DPU are shut and their addresses moved to the kernel path, under the same policy; when
the DPU has been healthy for a while they go back.

  outrigger-host run --node host-a --key bundle.pub --endpoints endpoints.json --link 169.254.7.1:7444
  outrigger-host observe                   this host's noise, a line of JSON a second; needs no DPU, no rights
  outrigger-host fallback status           what is in force, and why
  outrigger-host order fall_back           take over now; `return` gives the work back
  outrigger-host tell --service NAME TEXT  put a line of another service on the node's time line
  outrigger-host fallback compile --bundle bundle.pb    the rules, and what the kernel cannot carry)";

struct Options {
  DaemonOptions daemon;
  ObserveOptions observe;
  std::string order;
  std::string service, severity = "info", message;  // to be told
};

int fail(const absl::Status& status) {
  std::cerr << "outrigger-host: " << status.message() << std::endl;
  return 1;
}

SteadyTime soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(5); }

// What is in force stays so: the kernel carries on without us, and the next start takes it up.
int run(const Options& options) {
  const absl::StatusOr<bool> in_force = serve(options.daemon);
  if (!in_force.ok()) return fail(in_force.status());
  return *in_force ? 3 : 0;
}

int tell(const Options& options) {
  Record record{.time = absl::Now(), .side = "host", .domain = Domain::kHost, .service = options.service};
  record.severity = severity_named(options.severity).value_or(Severity::kInfo);
  record.message = options.message;
  bound(record);
  const absl::Status status = host::tell(log_socket_of(options.daemon), record);
  return status.ok() ? 0 : fail(status);
}

int ask(const Options& options, const std::string& question) {
  const absl::StatusOr<Descriptor> server = connect_to(options.daemon.socket, SocketKind::kStream);
  if (!server.ok()) return fail(server.status());
  if (const absl::Status status = send_message(server->get(), question, soon()); !status.ok())
    return fail(status);
  const absl::StatusOr<std::string> reply = receive_message(server->get(), 1 << 20, soon());
  if (!reply.ok()) return fail(reply.status());
  const nlohmann::json said = nlohmann::json::parse(*reply, nullptr, false);
  std::cout << said.dump(2) << std::endl;
  return said.contains("error") ? 1 : 0;
}

// Shows; believes nothing: the signature is the daemon's business.
int compile(const Options& options) {
  const absl::StatusOr<v1::SignedBundle> file = load_bundle(options.daemon.bundle);
  if (!file.ok()) return fail(file.status());
  v1::HostBundle bundle;
  if (!bundle.ParseFromString(file->bundle()))
    return fail(absl::DataLossError("truncated: the bundle cannot be read"));
  const absl::StatusOr<World> world = read_world(bundle);
  if (!world.ok()) return fail(world.status());
  std::cout << "# host\n" << tunnel_rules(*world);
  for (const NetworkWorld& network : world->networks) {
    std::cout << "\n# network " << network.name << "\n" << network_rules(*world, network, 1);
  }
  for (const std::string& unfit : world->unfit) std::cerr << "unfit: " << unfit << "\n";
  return 0;
}

int remove(const Options& options) {
  const absl::Status status = Path(options.daemon.prefix, options.daemon.folder).remove();
  return status.ok() ? 0 : fail(status);
}

void add_run(CLI::App& app, DaemonOptions& options) {
  app.add_option("--node", options.node, "this host's node, as its manifest calls it")->required();
  app.add_option("--key", options.key, "public key of the DPU's bundles (PEM)")->required();
  app.add_option("--endpoints", options.endpoints,
                 R"(JSON: [{"endpoint": "shop/web-1", "netns": "/run/netns/web", "device": "eth0"}])")
      ->required();
  app.add_option("--bundle", options.bundle, "take this signed bundle at start");
  app.add_option("--state", options.folder, "folder for what must survive a restart");
  app.add_option("--socket", options.socket, "local socket for status and orders");
  app.add_option("--netns-prefix", options.prefix, "begins the names of the namespaces of the kernel path");
  app.add_option("--link", options.link.address,
                 "host link of the DPU, ADDRESS:PORT; without it only orders given here count");
  app.add_option("--tls-ca", options.link.files.authority, "the CA's certificate");
  app.add_option("--tls-cert", options.link.files.certificate, "this host's certificate, role host");
  app.add_option("--tls-key", options.link.files.key, "its key");
  app.add_option("--steady", options.steady_s,
                 "seconds the DPU must be healthy before it gets its work back");
  app.add_option("--first-lease", options.lease_s, "seconds to wait for the DPU's first answer");
  app.add_option("--log-socket", options.log_socket,
                 "local socket for other services' records; beside --socket");
  app.add_option("--log-mib", options.log_mib, "MiB of records kept here, before the oldest are dropped")
      ->check(NumberBetween(0.03, 1024.0));
  app.add_flag("!--no-sandbox", options.sandbox, "keep every right (for debugging)");
  app.add_flag("!--no-observe", options.observe, "do not measure this host's noise");
  app.add_option("--work", options.work, "application whose latency is measured, too: redis://ADDRESS:PORT");
  app.add_option("--work-rate", options.work_rate, "requests a second")->check(NumberBetween(0.1, 1000.0));
}

void add_observe(CLI::App& app, ObserveOptions& options) {
  app.add_option("--work", options.work, "application whose latency is measured, too: redis://ADDRESS:PORT");
  app.add_option("--rate", options.rate, "requests a second")->check(NumberBetween(0.1, 1000.0));
  app.add_option("--window", options.window_s, "seconds of a window")->check(NumberBetween(0.1, 3600.0));
  app.add_option("--for", options.for_s, "seconds; until it is told to stop when left out");
  app.add_option("--agent", options.agent, "process whose CPU and memory count, too");
  app.add_option("--cgroup", options.name, "name of the cgroup that it is held in");
  app.add_flag("!--no-sandbox", options.sandbox, "keep every right (for debugging)");
}

void add_tell(CLI::App& app, Options& options) {
  app.add_option("--service", options.service, "who tells it")->required();
  app.add_option("--severity", options.severity)
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "critical"}));
  app.add_option("--socket", options.daemon.socket, "of the daemon; its log socket is beside it");
  app.add_option("--log-socket", options.daemon.log_socket);
  app.add_option("message", options.message)->required();
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app(kHelp, "outrigger-host");
  app.require_subcommand(1);
  CLI::App* run_command = app.add_subcommand("run", "keep the lease and the kernel path");
  add_run(*run_command, options.daemon);
  CLI::App* observe_command = app.add_subcommand("observe", "measure this host's noise, within bounds");
  add_observe(*observe_command, options.observe);
  CLI::App* fallback = app.add_subcommand("fallback", "look at the kernel path");
  fallback->require_subcommand(1);
  CLI::App* compile_command = fallback->add_subcommand("compile", "print the rules of a bundle");
  compile_command->add_option("--bundle", options.daemon.bundle, "file with a signed bundle")->required();
  CLI::App* status_command = fallback->add_subcommand("status", "what is in force, and why");
  status_command->add_option("--socket", options.daemon.socket);
  CLI::App* remove_command = fallback->add_subcommand("remove", "remove a kernel path that no daemon keeps");
  remove_command->add_option("--netns-prefix", options.daemon.prefix);
  CLI::App* order_command = app.add_subcommand("order", "fall_back or return, now");
  order_command->add_option("order", options.order)
      ->required()
      ->check(CLI::IsMember({"fall_back", "return"}));
  order_command->add_option("--socket", options.daemon.socket);
  CLI::App* tell_command = app.add_subcommand("tell", "put a line on the node's time line");
  add_tell(*tell_command, options);
  CLI11_PARSE(app, argc, argv);
  options.daemon.link.node = options.daemon.node;
  if (run_command->parsed()) return run(options);
  if (observe_command->parsed()) {
    const absl::Status status = observe(options.observe);
    return status.ok() ? 0 : fail(status);
  }
  if (compile_command->parsed()) return compile(options);
  if (status_command->parsed()) return ask(options, "status");
  if (remove_command->parsed()) return remove(options);
  if (tell_command->parsed()) return tell(options);
  return ask(options, options.order);
}

}  // namespace
}  // namespace outrigger::host

int main(int argc, char** argv) { return outrigger::host::main(argc, argv); }
