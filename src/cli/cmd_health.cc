// health: how each service is, from probes of what it does; 0 when ready, 1 otherwise.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/json.h"
#include "cli/table.h"
#include "outrigger/v1/health.grpc.pb.h"

namespace outrigger::cli {

namespace {

constexpr auto kPatience = std::chrono::seconds(10);

struct Options {
  std::string service;
  std::string form = "table";
  bool watch = false;
};

std::string duration(double seconds) {
  if (seconds < 0) return "never";
  if (seconds < 1) return absl::StrFormat("%.0fms", seconds * 1000);
  if (seconds < 120) return absl::StrFormat("%.0fs", seconds);
  if (seconds < 7200) return absl::StrFormat("%.0fm", seconds / 60);
  return absl::StrFormat("%.0fh", seconds / 3600);
}

void print(std::ostream& out, const v1::HealthList& list) {
  Table table({"SERVICE", "VERSION", "STATE", ">FOR", "PLACEMENT", "PROBE", ">LATENCY", ">PASSED", ">FAILED",
               ">FLAPS", "REASON"});
  for (const v1::ServiceHealth& one : list.services()) {
    const bool probed = one.last_probe() >= 0;
    table.row({one.service(), one.version(), one.state(), duration(one.for_seconds()), one.placement(),
               one.probe(), probed ? absl::StrFormat("%.0fus", one.last_latency_us()) : "",
               absl::StrCat(one.succeeded()), absl::StrCat(one.failed()), absl::StrCat(one.flaps()),
               one.reason()});
  }
  out << "node " << list.node() << ": " << list.overall() << "\n";
  if (!table.empty()) table.print(out);
}

// Ready is what was asked about, or all of the node.
bool is_ready(const v1::HealthList& list, const Options& options) {
  if (options.service.empty()) return list.overall() == "ready";
  return list.services_size() == 1 && list.services(0).state() == "ready";
}

void watch(Context& context, v1::HealthReport::Stub& stub, const Options& options) {
  v1::ListHealthRequest request;
  request.set_service(options.service);
  grpc::ClientContext call;
  const auto reader = stub.WatchHealth(&call, request);
  v1::HealthList list;
  while (context.out && reader->Read(&list)) {
    if (options.form == "json") {
      context.out << to_json(list).dump() << '\n' << std::flush;
    } else {
      if (context.terminal) context.out << "\x1b[H\x1b[2J";
      print(context.out, list);
      context.out << std::flush;
    }
    context.code = is_ready(list, options) ? kOk : kError;
  }
  if (!context.out) call.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!status.ok() && context.out) context.fail(to_status(status));
}

void health(Context& context, const Options& options) {
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  if (options.watch && all->size() > 1) return context.fail("--watch follows one node: name it with --node");
  Json array = Json::array();
  for (const Target& target : *all) {
    if (target.api->channel() == nullptr) return context.fail("no channel to the daemon");
    const auto stub = v1::HealthReport::NewStub(target.api->channel());
    if (options.watch) return watch(context, *stub, options);
    v1::ListHealthRequest request;
    request.set_service(options.service);
    grpc::ClientContext call;
    call.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::HealthList list;
    const grpc::Status status = stub->ListHealth(&call, request, &list);
    if (!status.ok()) {
      context.fail(target, to_status(status));
      continue;
    }
    if (!is_ready(list, options)) context.code = kError;
    if (options.form == "json") {
      array.push_back(to_json(list));
    } else {
      print(context.out, list);
    }
  }
  if (options.form == "json" && !array.empty())
    context.out << (array.size() == 1 ? array.front() : array).dump(2) << '\n';
}

}  // namespace

void add_health_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("health",
                         "Show how each service is, from probes of what it does; exits 0 when all that "
                         "can be probed are ready, else 1.\n"
                         "Example: outrigger health --service policy   (until Ctrl-C: --watch)");
  command->add_option("--service", options->service, "this one alone")->type_name("NAME");
  command->add_flag("--watch", options->watch, "now, and whenever something changes");
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  add_target_options(*command, context);
  command->callback([&context, options] { health(context, *options); });
}

}  // namespace outrigger::cli
