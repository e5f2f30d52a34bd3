// fallback and drill: the host path, looked at, ordered and tried on purpose.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "outrigger/v1/fallback.grpc.pb.h"

namespace outrigger::cli {

namespace {

using v1::Fallback;

struct Options {
  std::string form = "table";
  std::string service;
  double hold = 5, limit = 10;
  bool dry_run = false;
  std::string etag;
};

void line(Context& context, const char* name, const std::string& value) {
  context.out << absl::StrFormat("%-18s %s\n", name, value.empty() ? "-" : value);
}

void show(Context& context, const v1::FallbackStatus& status, const Options& options) {
  if (options.form == "json") {
    context.out << to_json(status).dump(2) << '\n';
    return;
  }
  const absl::Duration since = absl::Now() - absl::FromUnixMillis(status.since_unix_ms());
  line(context, "node", status.node());
  line(context, "host on the link", status.host_linked() ? "yes" : "no");
  line(context, "host path",
       status.since_unix_ms() == 0
           ? status.state()
           : absl::StrCat(status.state(), ", for ",
                          absl::FormatDuration(absl::Trunc(since, absl::Seconds(1)))));
  line(context, "order", status.order());
  line(context, "bundle",
       status.bundle_generation() == 0 ? "none" : absl::StrCat("generation ", status.bundle_generation()));
  line(context, "engine", status.yielded() ? "silent, the host carries the traffic" : "carries the traffic");
  line(context, "error", status.error());
  line(context, "peers by host", absl::StrJoin(status.peers_in_force(), ", "));
  for (const std::string& unfit : status.unfit()) line(context, "not carried", unfit);
}

void status(Context& context, const Options& options) {
  const auto fallback = stub<Fallback>(context);
  if (!fallback.ok()) return context.fail(fallback.status());
  const auto reply =
      call<v1::FallbackStatus>(**fallback, &Fallback::Stub::GetFallback, v1::GetFallbackRequest());
  if (!reply.ok()) return context.fail(reply.status());
  show(context, *reply, options);
}

void order(Context& context, const Options& options, const char* what) {
  const auto fallback = writer<Fallback>(context);
  if (!fallback.ok()) return context.fail(fallback.status());
  v1::OrderFallbackRequest request;
  request.set_order(what);
  request.set_request_id(request_id());
  request.set_validate_only(options.dry_run);
  request.set_etag(options.etag);
  const auto reply = change<v1::FallbackStatus>(context, *fallback, &Fallback::Stub::OrderFallback, request);
  if (!reply.ok()) return context.fail(reply.status());
  if (options.dry_run && options.form != "json") context.out << "checked only: this may be ordered\n";
  show(context, *reply, options);
}

void show(Context& context, const v1::DrillStep& step, const Options& options) {
  if (options.form == "json") {
    context.out << to_json(step).dump() << '\n' << std::flush;
    return;
  }
  context.out << absl::StrFormat("%7.3f s  %-10s %s\n", step.after_ms() / 1e3, step.step(), step.message())
              << std::flush;
}

v1::DrillRequest drill_request(const Options& options) {
  v1::DrillRequest request;
  request.set_service(options.service);
  request.set_hold_ms(static_cast<uint32_t>(options.hold * 1000));
  request.set_limit_ms(static_cast<uint32_t>(options.limit * 1000));
  request.set_request_id(request_id());
  request.set_validate_only(options.dry_run);
  request.set_etag(options.etag);
  return request;
}

void drill(Context& context, const Options& options) {
  for (const double seconds : {options.hold, options.limit}) {
    if (!(seconds >= 0.1 && seconds <= 600))
      return context.fail("--hold and --limit must be between 100ms and 10m");
  }
  const auto fallback = writer<Fallback>(context);
  if (!fallback.ok()) return context.fail(fallback.status());
  const v1::DrillRequest request = drill_request(options);
  uint32_t there = 0, back = 0;
  const absl::Status status = insist(context, *fallback->channel, [&] {
    grpc::ClientContext call;
    const auto steps = fallback->stub->Drill(&call, request);
    v1::DrillStep step;
    while (steps->Read(&step)) {
      if (step.step() == "active") there = step.took_ms();
      if (step.step() == "dormant") back = step.took_ms();
      show(context, step, options);
    }
    return steps->Finish();
  });
  if (!status.ok()) return context.fail(status);
  if (options.form == "json" || options.dry_run) return;
  context.out << absl::StrFormat("blackout at most   %.3f s there, %.3f s back (order to the host's word)\n",
                                 there / 1e3, back / 1e3);
}

void add_form(CLI::App& command, Context& context, Options& options) {
  add_target_options(command, context);
  command.add_option("-o,--output", options.form, "table or json")->check(CLI::IsMember({"table", "json"}));
}

void add_terms(CLI::App& command, Context& context, Options& options) {
  add_form(command, context, options);
  command.add_flag("--dry-run", options.dry_run, "check only");
  command.add_option("--etag", options.etag, "only if it is as `fallback status -o json` showed it");
}

}  // namespace

void add_fallback_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App* fallback = app.add_subcommand("fallback",
                                          "The host's kernel path: look, order it, give the work back.\n"
                                          "Example: outrigger fallback status");
  fallback->require_subcommand(1);
  CLI::App* look = fallback->add_subcommand(
      "status", "What is in force, and what the host holds.\nExample: outrigger fallback status");
  add_form(*look, context, *options);
  look->callback([&context, options] { status(context, *options); });
  CLI::App* go = fallback->add_subcommand(
      "order", "Have the host carry its traffic until you say return.\nExample: outrigger fallback order");
  add_terms(*go, context, *options);
  go->callback([&context, options] { order(context, *options, "fall_back"); });
  CLI::App* back = fallback->add_subcommand(
      "return", "Give the traffic back to the DPU.\nExample: outrigger fallback return");
  add_terms(*back, context, *options);
  back->callback([&context, options] { order(context, *options, "return"); });
  CLI::App* drill_command = app.add_subcommand("drill",
                                               "Fall back on purpose, and return: does it work, and how long "
                                               "is the gap?\nExample: outrigger drill policy --hold 10s");
  drill_command->add_option("service", options->service, "whose fallback is tried")->required();
  add_duration(*drill_command, "--hold", options->hold, "time on the host path; 5s when left out");
  add_duration(*drill_command, "--limit", options->limit,
               "time that each switch may take; 10s when left out");
  add_terms(*drill_command, context, *options);
  drill_command->callback([&context, options] { drill(context, *options); });
}

}  // namespace outrigger::cli
