// incidents: what went wrong, whose domain it is, and what followed from it.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/json.h"
#include "cli/log_lines.h"
#include "cli/table.h"
#include "outrigger/v1/journal.grpc.pb.h"

namespace outrigger::cli {

namespace {

constexpr auto kPatience = std::chrono::seconds(30);

struct Options {
  std::string id;
  bool all = false;
  uint32_t limit = 100;
  std::string form = "table";
};

absl::StatusOr<v1::IncidentList> ask(const Target& target, const Options& options) {
  if (target.api->channel() == nullptr) return absl::UnavailableError("no channel to the daemon");
  v1::IncidentsRequest request;
  request.set_all(options.all);
  request.set_limit(options.limit);
  request.set_id(options.id);
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() + kPatience);
  v1::IncidentList list;
  const grpc::Status status =
      v1::Journal::NewStub(target.api->channel())->ListIncidents(&call, request, &list);
  if (status.ok()) return list;
  return to_status(status);
}

absl::StatusOr<std::vector<v1::LogRecord>> records(const Target& target, const Options& options) {
  v1::LogsRequest request;
  request.set_incident(options.id);
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stub = v1::Journal::NewStub(target.api->channel());
  const auto reader = stub->ReadLogs(&call, request);
  std::vector<v1::LogRecord> found;
  for (v1::LogRecord record; reader->Read(&record);) found.push_back(record);
  const grpc::Status status = reader->Finish();
  if (status.ok()) return found;
  return to_status(status);
}

void add_rows(Table& table, const v1::IncidentList& list) {
  for (int i = 0; i < list.incidents_size(); ++i) {
    const v1::Incident& one = list.incidents(i);
    const int deep = depth(list, i);
    const std::string id =
        deep == 0 ? one.id()
                  : absl::StrCat(std::string(static_cast<size_t>(deep) * 2 - 2, ' '), "└ ", one.id());
    table.row({id, one.node(), one.state(), one.domain(), one.kind(), harmless(one.service()), one.began(),
               milliseconds(one.detect_ms()), milliseconds(one.act_ms()), milliseconds(one.recover_ms()),
               absl::StrCat(one.count()), harmless(one.summary())});
  }
}

// One of them, of the first node that knows it.
void show_one(Context& context, const std::vector<Target>& all, const Options& options) {
  absl::Status last;
  for (const Target& target : all) {
    const auto list = ask(target, options);
    if (!list.ok()) {
      if (last.ok() || absl::IsNotFound(last)) last = list.status();
      continue;
    }
    const auto told = records(target, options);
    if (!told.ok()) return context.fail(told.status());
    if (options.form == "json") {
      Json object;
      object["incidents"] = to_json_array(list->incidents());
      object["records"] = to_json_array(*told);
      context.out << object.dump(2) << '\n';
      return;
    }
    const LogStyle style{context.terminal, false};
    print_incident_tree(context.out, *list, style);
    if (told->empty()) return;
    context.out << '\n';
    print_log_heading(context.out, style);
    for (const v1::LogRecord& record : *told) print_log(context.out, record, target.node, style);
    return;
  }
  context.fail(last);
}

void incidents(Context& context, const Options& options) {
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  if (!options.id.empty()) return show_one(context, *all, options);
  Table table({"ID", "NODE", "STATE", "DOMAIN", "KIND", "SERVICE", "BEGAN", ">DETECT", ">ACT", ">RECOVER",
               ">COUNT", "SUMMARY"});
  Json array = Json::array();
  for (const Target& target : *all) {
    const auto list = ask(target, options);
    if (!list.ok()) {
      context.fail(target, list.status());
      continue;
    }
    add_rows(table, *list);
    for (const v1::Incident& one : list->incidents()) array.push_back(to_json(one));
  }
  if (options.form == "json") {
    context.out << array.dump(2) << '\n';
  } else if (table.empty()) {
    context.out << (options.all ? "no incidents\n" : "no open incidents (--all shows those that are over)\n");
  } else {
    table.print(context.out);
  }
}

}  // namespace

void add_incidents_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "incidents",
      "Show what went wrong: each with one fault domain, its times, and what followed from it.\n"
      "Example: outrigger incidents --all   (one with its evidence and log: outrigger incidents "
      "inc-12)");
  command->add_option("id", options->id, "one of them, with its evidence and records")->type_name("ID");
  command->add_flag("--all", options->all, "also those that are over");
  command->add_option("--limit", options->limit, "at most so many of each node")->default_str("100");
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  add_target_options(*command, context);
  command->callback([&context, options] { incidents(context, *options); });
}

}  // namespace outrigger::cli
