// engine list, engine upgrade, engine rollback, generations: which engines run, and the change from one to
// another.
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "cli/table.h"
#include "outrigger/v1/engines.grpc.pb.h"

namespace outrigger::cli {

namespace {

using v1::Engines;

struct Options {
  std::string form = "table";
  std::string reason;
  v1::UpgradeRequest upgrade;
  std::vector<std::string> intended;
  double shadow = 0;
  bool lose_sessions = false;
  bool dry_run = false;
  std::string to;
  std::string etag;
};

std::string ago(double seconds) {
  if (seconds <= 0) return "-";
  return absl::FormatDuration(seconds < 10 ? absl::Milliseconds(static_cast<int64_t>(seconds * 1000))
                                           : absl::Seconds(static_cast<int64_t>(seconds)));
}

void show(const v1::Engine& engine, const std::string& state, Table& table) {
  const bool runs = engine.pid() != 0;
  table.row({engine.version().empty() ? "-" : engine.version(), state,
             runs ? absl::StrCat(engine.pid()) : "-",
             runs && state != "ports" ? absl::StrCat(engine.slot()) : "-",
             engine.generation() > 0 ? absl::StrCat(engine.generation()) : "-", ago(engine.applied_for()),
             ago(engine.up_for()), absl::StrCat(engine.failures()), engine.why()});
}

void list(Context& context, const Options& options) {
  const auto engines = stub<Engines>(context);
  if (!engines.ok()) return context.fail(engines.status());
  const auto reply = call<v1::EngineList>(**engines, &Engines::Stub::ListEngines, v1::ListEnginesRequest());
  if (!reply.ok()) return context.fail(reply.status());
  if (options.form == "json") {
    context.out << to_json(*reply).dump(2) << '\n';
    return;
  }
  Table table({"VERSION", "STATE", ">PID", ">SLOT", ">GENERATION", ">APPLIED", ">UP", ">FAILURES", "WHY"});
  for (const v1::Engine& engine : reply->engines()) show(engine, engine.state(), table);
  if (reply->has_ports()) show(reply->ports(), "ports", table);
  context.out << "node " << reply->node() << ", " << reply->mode() << " mode\n";
  table.print(context.out);
}

void show(const v1::UpgradeProgress& progress, Context& context) {
  context.out << absl::StrFormat("%7.2fs  %-9s  %s", progress.seconds(), progress.step(), progress.message());
  if (progress.blackout_us() > 0)
    context.out << absl::StrFormat(" (blackout %.0f us)", progress.blackout_us());
  context.out << '\n';
  for (const v1::DecisionDifference& one : progress.differences()) {
    context.out << "    " << one.kind() << ": " << one.flow() << "\n      active: " << one.active()
                << "\n      shadow: " << one.shadow() << '\n';
  }
  context.out.flush();
}

void show(const v1::UpgradeProgress& progress, Context& context, const Options& options) {
  if (options.form == "json") {
    context.out << to_json(progress).dump() << std::endl;  // whoever reads it acts on each line
  } else {
    show(progress, context);
  }
}

// Asks for a change and shows how it goes; 1 when it did not go well.
template <typename Method, typename Request>
void follow(Context& context, const Options& options, Method method, Request request) {
  const auto engines = writer<Engines>(context);
  if (!engines.ok()) return context.fail(engines.status());
  request.set_validate_only(options.dry_run);
  request.set_reason(options.reason);
  request.set_etag(options.etag);
  request.set_request_id(request_id());
  bool ok = false;
  const absl::Status status = insist(context, *engines->channel, [&] {
    grpc::ClientContext call;
    const auto reader = ((*engines->stub).*method)(&call, request);
    v1::UpgradeProgress progress;
    while (reader->Read(&progress)) {
      show(progress, context, options);
      if (progress.last()) ok = progress.ok();
    }
    return reader->Finish();
  });
  if (!status.ok()) return context.fail(status);
  if (!ok) context.code = kError;
}

void upgrade(Context& context, const Options& options) {
  v1::UpgradeRequest request;
  request.set_to(options.to);
  request.set_shadow_seconds(options.shadow);
  for (const std::string& kind : options.intended) request.add_intended(kind);
  request.set_lose_sessions(options.lose_sessions);
  follow(context, options, &Engines::Stub::Upgrade, request);
}

void rollback(Context& context, const Options& options) {
  follow(context, options, &Engines::Stub::Rollback, v1::RollbackRequest());
}

void generations(Context& context, const Options& options) {
  const auto engines = stub<Engines>(context);
  if (!engines.ok()) return context.fail(engines.status());
  const auto reply =
      call<v1::Consumers>(**engines, &Engines::Stub::ListConsumers, v1::ListConsumersRequest());
  if (!reply.ok()) return context.fail(reply.status());
  if (options.form == "json") {
    context.out << to_json(*reply).dump(2) << '\n';
    return;
  }
  Table table({"CONSUMER", "KIND", ">APPLIED", ">SINCE", "CURRENT", "ERROR"});
  for (const v1::Consumer& one : reply->consumers()) {
    table.row({one.name(), one.kind(), one.generation() > 0 ? absl::StrCat(one.generation()) : "-",
               ago(one.applied_for()), one.current() ? "yes" : "no", one.error()});
  }
  context.out << "desired generation " << reply->desired() << '\n';
  table.print(context.out);
}

using Act = void (*)(Context&, const Options&);

CLI::App* add(CLI::App& parent, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, Act act) {
  CLI::App* command = parent.add_subcommand(name, help);
  add_target_options(*command, context);
  command->add_option("-o,--output", options->form, "table or json")->check(CLI::IsMember({"table", "json"}));
  command->callback([&context, options, act] { act(context, *options); });
  return command;
}

void add_terms(CLI::App& command, Options& options) {
  command.add_flag("--dry-run", options.dry_run, "check only");
  command.add_option("--etag", options.etag, "only if the engines are as `engine list -o json` showed them");
  command.add_option("--reason", options.reason, "for the record");
}

}  // namespace

void add_engine_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App* engine =
      app.add_subcommand("engine", "Which engines run and are installed; change to another version.");
  engine->require_subcommand(1);
  add(*engine, context, options, "list",
      "Every engine, what it is and what it has applied.\nExample: outrigger engine list", list);
  CLI::App* up =
      add(*engine, context, options, "upgrade",
          "Start a version beside the active one, compare, and hand it the queues between two bursts.\n"
          "Example: outrigger engine upgrade --to 0.2.0 --shadow 30s",
          upgrade);
  up->add_option("--to", options->to, "version to change to")->required()->type_name("VERSION");
  add_duration(*up, "--shadow", options->shadow, "decide beside the active engine for so long first");
  up->add_option("--intended", options->intended,
                 "a kind of difference that is meant, as \"forward -> drop policy_ingress\"; \"all\"")
      ->type_name("KIND");
  up->add_flag("--lose-sessions", options->lose_sessions, "go on although sessions cannot be kept");
  add_terms(*up, *options);
  CLI::App* back =
      add(*engine, context, options, "rollback",
          "Hand the queues back to the version before.\nExample: outrigger engine rollback", rollback);
  add_terms(*back, *options);
  add(app, context, options, "generations",
      "Who has applied which generation, by its own word.\nExample: outrigger generations", generations);
}

}  // namespace outrigger::cli
