// outrigger-host: the host's side of a node.  See --help.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/local_socket.h"
#include "base/record.h"
#include "host/fallback.h"
#include "host/link_client.h"
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
  outrigger-host fallback status           what is in force, and why
  outrigger-host order fall_back           take over now; `return` gives the work back
  outrigger-host fallback compile --bundle bundle.pb    the rules, and what the kernel cannot carry)";

struct Options {
  std::string node, key, endpoints, bundle, folder = "/var/lib/outrigger-host";
  std::string socket = "/run/outrigger-host.sock", prefix = "orfb-", order, log;
  LinkOptions link;
  double steady_s = 5, lease_s = 3;
};

volatile sig_atomic_t stopping = 0;
void stop(int) { stopping = 1; }

int fail(const absl::Status& status) {
  std::cerr << "outrigger-host: " << status.message() << std::endl;
  return 1;
}

// Lines of JSON on standard output: journald, or the log shipper, takes it from there.
void log(const std::string& severity, const std::string& text) {
  Record record;
  record.time = absl::Now();
  record.monotonic_ns = monotonic_now_ns();
  record.side = "host";
  record.domain = Domain::kHost;
  record.service = "fallback";
  record.severity = severity_named(severity).value_or(Severity::kInfo);
  record.message = text;
  std::cout << to_json(record) << std::endl;
}

SteadyTime soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(5); }

// One question a connection: "status", "fall_back" or "return".
void answer(int listener, Fallback& fallback) {
  const Descriptor caller(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (caller.get() < 0) return;
  const absl::StatusOr<std::string> asked = receive_message(caller.get(), 64, soon());
  if (!asked.ok()) return;
  if (*asked == "fall_back") fallback.order(Order::kFallBack);
  if (*asked == "return") fallback.order(Order::kReturn);
  const bool known = *asked == "fall_back" || *asked == "return" || *asked == "status";
  (void)send_message(caller.get(), known ? fallback.status_json() : R"({"error": "asked for nothing known"})",
                     soon());
}

int run(const Options& options) {
  mkdir(options.folder.c_str(), 0700);
  absl::StatusOr<Ed25519Key> key = Ed25519Key::load_public(options.key);
  if (!key.ok()) return fail(key.status());
  std::unique_ptr<Link> link;
  if (!options.link.address.empty()) {
    secure::require_tls13();
    absl::StatusOr<std::unique_ptr<Link>> dialled = dial(options.link);
    if (!dialled.ok()) return fail(dialled.status());
    link = *std::move(dialled);
  }
  absl::StatusOr<Descriptor> listener = listen_at(options.socket, SocketKind::kStream);
  if (!listener.ok()) return fail(listener.status());
  Keeper keeper({.node = options.node,
                 .file = options.folder + "/bundle",
                 .first_lease = absl::Seconds(options.lease_s)},
                *std::move(key), std::move(link));
  if (!options.bundle.empty()) {
    const absl::StatusOr<v1::SignedBundle> bundle = load_bundle(options.bundle);
    const absl::Status status = bundle.ok() ? keeper.offer(*bundle) : bundle.status();
    if (!status.ok()) return fail(status);
  }
  Path path(options.prefix, options.folder);
  Fallback fallback({options.endpoints, options.folder, {.steady = absl::Seconds(options.steady_s)}}, keeper,
                    path, log);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGPIPE, SIG_IGN);
  while (stopping == 0) {
    fallback.turn();
    pollfd ready{listener->get(), POLLIN, 0};
    if (poll(&ready, 1, 50) > 0) answer(listener->get(), fallback);
  }
  // What is in force stays so: the kernel carries on without us, and the next start takes it up.
  return fallback.state() == State::kDormant ? 0 : 3;
}

int ask(const Options& options, const std::string& question) {
  const absl::StatusOr<Descriptor> server = connect_to(options.socket, SocketKind::kStream);
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
  const absl::StatusOr<v1::SignedBundle> file = load_bundle(options.bundle);
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
  const absl::Status status = Path(options.prefix, options.folder).remove();
  return status.ok() ? 0 : fail(status);
}

void add_run(CLI::App& app, Options& options) {
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
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app(kHelp, "outrigger-host");
  app.require_subcommand(1);
  CLI::App* run_command = app.add_subcommand("run", "keep the lease and the kernel path");
  add_run(*run_command, options);
  CLI::App* fallback = app.add_subcommand("fallback", "look at the kernel path");
  fallback->require_subcommand(1);
  CLI::App* compile_command = fallback->add_subcommand("compile", "print the rules of a bundle");
  compile_command->add_option("--bundle", options.bundle, "file with a signed bundle")->required();
  CLI::App* status_command = fallback->add_subcommand("status", "what is in force, and why");
  status_command->add_option("--socket", options.socket);
  CLI::App* remove_command = fallback->add_subcommand("remove", "remove a kernel path that no daemon keeps");
  remove_command->add_option("--netns-prefix", options.prefix);
  CLI::App* order_command = app.add_subcommand("order", "fall_back or return, now");
  order_command->add_option("order", options.order)
      ->required()
      ->check(CLI::IsMember({"fall_back", "return"}));
  order_command->add_option("--socket", options.socket);
  CLI11_PARSE(app, argc, argv);
  options.link.node = options.node;
  if (run_command->parsed()) return run(options);
  if (compile_command->parsed()) return compile(options);
  if (status_command->parsed()) return ask(options, "status");
  if (remove_command->parsed()) return remove(options);
  return ask(options, options.order);
}

}  // namespace
}  // namespace outrigger::host

int main(int argc, char** argv) { return outrigger::host::main(argc, argv); }
