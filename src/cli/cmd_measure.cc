// measure: a host observed over time, for a scorecard.  Changes nothing on it.
#include <unistd.h>

#include <cmath>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/program.h"
#include "cli/commands.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "cli/measure_privileged.h"
#include "cli/measure_summary.h"
#include "cli/node_watch.h"
#include "cli/nodes.h"
#include "cli/table.h"
#include "measure/boundary.h"
#include "measure/run.h"

namespace outrigger::cli {

namespace {

struct Options {
  measure::RunOptions run;
  std::string work, netns, spin = "5ms", file, boundary, form = "table";
  std::vector<std::string> networks, placement;
  double budget_s = 0, timeout_s = 10;
  double rate = 100;
  size_t connections = 8;
  bool fresh = false, force = false, privileged = true, incidents = false;
  int64_t cpu = -1;
};

absl::Status take_probe(Options& options) {
  options.run.head.work.budget_ms = options.budget_s * 1e3;
  if (options.work.empty()) {
    if (options.budget_s > 0 || !options.netns.empty())
      return absl::InvalidArgumentError("--budget and --netns are about an application: name it with --work");
    return absl::OkStatus();
  }
  auto target = measure::parse_target(options.work);
  if (!target.ok())
    return absl::InvalidArgumentError(absl::StrCat("--work: ", std::string(target.status().message())));
  measure::ProbeOptions probe{.target = *std::move(target), .rate = options.rate};
  probe.connections = options.connections;
  probe.fresh = options.fresh;
  probe.timeout_ns = static_cast<uint64_t>(options.timeout_s * 1e9);
  if (!options.netns.empty()) {
    const bool path = options.netns.find('/') != std::string::npos;
    probe.netns = path ? options.netns : absl::StrCat("/run/netns/", options.netns);
  }
  options.run.recorder.probe = std::move(probe);
  return absl::OkStatus();
}

// "full", "off", or a time of each second.
absl::Status take_spin(Options& options) {
  measure::SpinOptions& spin = options.run.recorder.spin;
  double turn = 0;
  if (options.spin == "full") {
    turn = 1;
  } else if (options.spin != "off" && (!parse_seconds(options.spin, turn) || turn > 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--spin \"", options.spin, "\": full, off, or the part of each second (5ms) expected"));
  }
  spin.turn_ns = static_cast<uint64_t>(turn * 1e9);
  if (options.cpu < 0) return absl::OkStatus();
  spin.cpu = static_cast<uint32_t>(options.cpu);
  options.run.recorder.wakeups.cpu = spin.cpu;
  return absl::OkStatus();
}

absl::Status take_placement(Options& options) {
  for (const std::string& one : options.placement) {
    const size_t at = one.find('=');
    const std::string where = at == std::string::npos ? "" : one.substr(at + 1);
    if (at == 0 || (where != "host" && where != "dpu"))
      return absl::InvalidArgumentError(
          absl::StrCat("--placement \"", one, "\": SERVICE=host or SERVICE=dpu expected"));
    options.run.head.placement[one.substr(0, at)] = where;
  }
  return absl::OkStatus();
}

absl::Status take_boundary(Options& options) {
  if (options.boundary.empty()) return absl::OkStatus();
  auto tests = measure::read_boundary(options.boundary);
  if (!tests.ok())
    return absl::Status(tests.status().code(),
                        absl::StrCat("--boundary: ", std::string(tests.status().message())));
  options.run.head.boundary = *std::move(tests);
  return absl::OkStatus();
}

// Before minutes are spent: a file that could not be written, or would replace another.
absl::Status check_file(Options& options) {
  if (options.file.empty()) options.file = absl::StrCat(options.run.head.label, ".jsonl");
  if (access(options.file.c_str(), F_OK) == 0 && !options.force)
    return absl::AlreadyExistsError(
        absl::StrCat(options.file, " is there already: name another with --out, or --force to replace it"));
  const size_t slash = options.file.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : absl::StrCat(options.file.substr(0, slash), "/");
  if (access(folder.c_str(), W_OK) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write in ", folder));
  return absl::OkStatus();
}

absl::Status take(Options& options) {
  for (const auto& step : {take_probe, take_spin, take_placement, take_boundary, check_file}) {
    if (absl::Status status = step(options); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void show_progress(const measure::Window& window, const Options& options, std::ostream& out) {
  const double done = static_cast<double>(window.start_ms + window.length_ms) / 1e3;
  out << absl::StrFormat("\r\033[K%.0f of %g s", done, options.run.seconds);
  if (window.wakeups.count() > 0)
    out << absl::StrFormat("   wakeups: max %.0f us", static_cast<double>(window.wakeups.max()) / 1e3);
  if (options.run.recorder.probe.has_value())
    out << absl::StrFormat("   requests: %d, failed %d, p50 %.3f ms", window.sent, window.failed,
                           window.latency.quantile(0.5) / 1e6);
  out << std::flush;
}

// The node that serves this host, asked before minutes are spent: one that does not answer is no surprise
// then.
absl::StatusOr<measure::Since> watch(const Context& context, const Options& options) {
  if (options.incidents) {
    const auto node = target_to_change(context);  // the one that is meant, never the first of several
    return node.ok() ? watch_node(node->api) : node.status();
  }
  if (context.lab.empty() && context.socket.empty() && context.remote.server.empty()) return nullptr;
  return absl::InvalidArgumentError(
      "--lab, --socket and --server name the node that is asked for its incidents: add --incidents");
}

// What was measured is kept, also when the node does not answer any more: then that is said.
absl::Status ask(const measure::Since& since, measure::Measurement& measured) {
  if (since == nullptr) return absl::OkStatus();
  absl::StatusOr<measure::Happened> happened = since();
  if (happened.ok()) {
    measure::add(*std::move(happened), measured);
    return absl::OkStatus();
  }
  const std::string why(happened.status().message());
  measured.notes.push_back(absl::StrCat("incidents: not known, the node did not answer at the end: ", why));
  return absl::Status(happened.status().code(),
                      absl::StrCat("incidents are not known, the rest is in the file: ", why));
}

void measure_host(Context& context, Options& options) {
  if (const absl::Status status = take(options); !status.ok()) return context.fail(status);
  if (options.privileged) {
    const absl::Status status = look_for_privileged(options.networks, options.run.head);
    if (!status.ok()) return context.fail(status);
  }
  const Descriptor stop = block_signals();  // before there are threads
  const absl::StatusOr<measure::Since> since = watch(context, options);
  if (!since.ok()) return context.fail(since.status());
  options.run.stop = stop.get();
  if (context.terminal && options.form == "table")
    options.run.each = [&](const measure::Window& window) { show_progress(window, options, context.out); };
  auto measured = measure::run(options.run);
  if (context.terminal && options.form == "table") context.out << "\r\033[K";
  if (!measured.ok()) return context.fail(measured.status());
  if (const absl::Status status = ask(*since, *measured); !status.ok()) context.fail(status);
  if (const absl::Status status = measure::write(*measured, options.file); !status.ok())
    return context.fail(status);
  if (options.form == "json") {
    context.out << summary_json(*measured, options.file).dump(2) << '\n';
  } else {
    print_summary(*measured, options.file, context.out);
  }
}

void add_place_options(CLI::App& command, Options& options) {
  measure::Measurement& head = options.run.head;
  command
      .add_option("--placement", options.placement,
                  "where a service runs in this run: SERVICE=host or SERVICE=dpu")
      ->type_name("SERVICE=WHERE");
  command.add_option("--experiment", head.place.experiment, "the experiment that this run belongs to");
  command.add_option("--block", head.place.block, "its block there");
  command.add_option("--order", head.place.order, "its place in the block");
  command
      .add_option(
          "--network", options.networks,
          "privileged services only in these network namespaces, the first the host's (as `inventory`)")
      ->type_name("NAME ...");
  command.add_flag("!--no-privileged", options.privileged, "do not look for services that hold privileges");
  command
      .add_option("--boundary", options.boundary, "what `audit boundary -o measurement` printed on this host")
      ->type_name("FILE");
  command.add_flag("--incidents", options.incidents,
                   "ask the host's node at the end for the incidents and blackouts of the run");
  command.add_option("--note", head.notes, "what must be said beside every figure of this run")
      ->type_name("TEXT");
}

void add_probe_options(CLI::App& command, Options& options) {
  command.add_option("--work", options.work, "application to ask: redis://, http://, tcp:// or connect://")
      ->type_name("URL");
  command.add_option("--rate", options.rate, "requests a second, whatever comes back")->default_str("100");
  add_duration(command, "--budget", options.budget_s, "what p99 should stay under");
  command.add_option("--connections", options.connections, "at once")->default_str("8");
  command.add_flag("--fresh", options.fresh, "a new connection for each request");
  add_duration(command, "--timeout", options.timeout_s, "a request has failed after this [10s]");
  command.add_option("--netns", options.netns, "ask from within this network namespace")->type_name("NAME");
}

}  // namespace

void add_measure_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("measure",
                                     "Measure this host for a while: CPU, noise, run-queue wait, an "
                                     "application's latency, and what its node notes.  For `scorecard`.\n"
                                     "Example: outrigger measure --for 10m --label before --work "
                                     "redis://10.0.0.2:6379 --rate 1000 --budget 5ms");
  command->add_option("--label", options->run.head.label, "what this run is: before, after")->required();
  add_duration(*command, "--for", options->run.seconds,
               "how long [60s]; Ctrl-C ends it and keeps what there is");
  add_duration(*command, "--window", options->run.window_s, "length of a window [1s]");
  command->add_option("--cpu", options->cpu, "look for noise on this CPU; else on each in turn")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--spin", options->spin, "part of each second spent looking for gaps: 5ms, full or off")
      ->type_name("TIME");
  add_probe_options(*command, *options);
  add_place_options(*command, *options);
  command->add_option("--out", options->file, "file to write [LABEL.jsonl]")->type_name("FILE");
  command->add_flag("--force", options->force, "replace the file");
  command->add_option("-o,--output", options->form, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  add_target_options(*command, context);
  command->callback([options, &context] { measure_host(context, *options); });
}

}  // namespace outrigger::cli
